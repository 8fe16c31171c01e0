"""The link between two ranks, and its rate according to datasheets.

Rates are for one direction.

- NVLink: links × the rate of one link, which is half of what NVIDIA states for both directions
  together: P100 whitepaper (4 links, 160 GB/s), V100 whitepaper (6, 300), A100 whitepaper (12,
  600), H100 whitepaper (18, 900), B200 datasheet (18, 1800).
- PCIe: lanes × transfers per second × the share of data in a transfer: 8b/10b in generations 1
  and 2, 128b/130b in 3 to 5, and 242 of 256 bytes of a flit in 6 (PCI-SIG, PCI Express Base
  Specification 6.0).

The rates do not account for packet headers (a tenth or more on PCIe). NVLinks between machines,
networks and unknown links have no rate.
"""

from collections.abc import Iterable

from workload.core.models.collectives import Link, LinkKind, RankPlace
from workload.core.models.gpu import SWITCH, GpuLinks, Pcie

NVLINK_GBS = {1: 20.0, 2: 25.0, 3: 25.0, 4: 25.0, 5: 50.0}  # per link
_GIGATRANSFERS = {
    1: (2.5, 8 / 10),
    2: (5.0, 8 / 10),
    3: (8.0, 128 / 130),
    4: (16.0, 128 / 130),
    5: (32.0, 128 / 130),
    6: (64.0, 242 / 256),
}
PCIE_GBS = {generation: rate * data / 8 for generation, (rate, data) in _GIGATRANSFERS.items()}


def link_between(
    one: RankPlace, other: RankPlace, ours: GpuLinks | None, theirs: GpuLinks | None
) -> Link:
    """Return the link between two ranks.

    `ours` and `theirs` are the links of the GPUs of `one` and `other`; None for a CPU.
    """
    if one.node != other.node:
        return Link(LinkKind.NETWORK)
    if one.torch_name == "cpu":
        return Link(LinkKind.HOST)
    if ours is None or theirs is None:
        return Link(LinkKind.UNKNOWN)
    return _nvlink(ours, theirs) or _pcie(ours, theirs)


def _nvlink(ours: GpuLinks, theirs: GpuLinks) -> Link | None:
    """Return the NVLinks between two GPUs, direct or through a switch; None if there are none."""
    direct = ours.nvlinks.get(theirs.uuid, 0)
    links = direct or min(ours.nvlinks.get(SWITCH, 0), theirs.nvlinks.get(SWITCH, 0))
    if not links:
        return None
    generation = ours.nvlink_generation
    rate = NVLINK_GBS.get(generation) if generation else None
    return Link(
        LinkKind.NVLINK,
        ours.paths.get(theirs.uuid),
        generation,
        links,
        None if rate is None else links * rate,
    )


def _pcie(ours: GpuLinks, theirs: GpuLinks) -> Link:
    """Return the slower of two GPUs' PCIe links; without a rate if either rate is unknown."""
    path = ours.paths.get(theirs.uuid)
    both = [
        Link(LinkKind.PCIE, path, pcie.generation, pcie.width, _pcie_gbs(pcie))
        for pcie in (ours.pcie, theirs.pcie)
    ]
    return slowest(both) or Link(LinkKind.PCIE, path)


def _pcie_gbs(pcie: Pcie) -> float | None:
    if pcie.generation not in PCIE_GBS or not pcie.width:
        return None
    return PCIE_GBS[pcie.generation] * pcie.width


def slowest(links: Iterable[Link]) -> Link | None:
    """Return the link with the lowest rate; None if there is no link or any rate is unknown."""
    found = list(links)
    known = [(link.gbs, link) for link in found if link.gbs is not None]
    if not known or len(known) < len(found):
        return None
    return min(known, key=lambda rate: rate[0])[1]
