"""Where the ranks are: nodes, devices, and the links between them."""

import os
import platform
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch

from workload.collectives.links import link_between
from workload.collectives.team import Team
from workload.core.models.collectives import Link, LinkKind, RankPlace
from workload.core.models.device import DeviceInfo
from workload.core.models.gpu import GpuLinks
from workload.hardware.driver_process import gpu_links

# The variables of torchrun, Slurm and Kubernetes with this node's number in the job. A host may
# run two nodes.
NODE_VARIABLES = ("GROUP_RANK", "SLURM_NODEID", "JOB_COMPLETION_INDEX")


@dataclass(frozen=True)
class Topology:
    """The node and device of each rank, and the links of its GPU as the driver reports them.

    For a rank on a CPU, None stands in place of the links.
    """

    places: tuple[RankPlace, ...]
    gpus: tuple[GpuLinks | None, ...]

    @property
    def nodes(self) -> list[tuple[int, ...]]:
        """Return the ranks of each node."""
        count = 1 + max(place.node for place in self.places)
        return [
            tuple(place.rank for place in self.places if place.node == node)
            for node in range(count)
        ]

    def link(self, one: int, other: int) -> Link:
        """Return the link between two ranks."""
        places, gpus = self.places, self.gpus
        return link_between(places[one], places[other], gpus[one], gpus[other])

    def link_of_nodes(self, one: int, other: int) -> Link:  # noqa: ARG002  the same for all nodes
        """Return the link between two nodes."""
        return Link(LinkKind.NETWORK)


def read_topology(team: Team, device: DeviceInfo) -> Topology:
    """Gather the node and device of each rank, and the links of its GPU."""
    gpu = None
    if device.kind != "cpu":
        uuid = f"GPU-{torch.cuda.get_device_properties(device.torch_name).uuid}"  # in NVML's format
        gpu = next((links for links in gpu_links() if links.uuid == uuid), None)
    found = team.gather((node_key(platform.node(), os.environ), device, gpu))
    nodes = numbered([key for key, _, _ in found])
    places = tuple(
        RankPlace(
            rank=rank,
            node=nodes[rank],
            host=host,
            device=device.name,
            torch_name=device.torch_name,
            gpu_uuid=gpu.uuid if gpu else None,
            gpu_address=gpu.pcie.address if gpu else None,
        )
        for rank, ((host, _), device, gpu) in enumerate(found)
    )
    return Topology(places, tuple(gpu for _, _, gpu in found))


def node_key(host: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return a key that only the ranks of one node share."""
    return host, next((environment[name] for name in NODE_VARIABLES if name in environment), "")


def numbered(keys: Sequence[Hashable]) -> list[int]:
    """Return a number for each key, counting keys in the order in which they first appear.

    >>> numbered(["b", "b", "a", "b"])
    [0, 0, 1, 0]
    """
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [numbers[key] for key in keys]
