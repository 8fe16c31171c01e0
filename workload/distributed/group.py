"""Join the process group of the ranks within a time limit, and report a failure in one line.

gloo connects CPUs, and NCCL connects GPUs. When a rank ends, it closes its connections, and the
others notice at once. When its node is lost, it no longer answers, and they notice after GROUP_SEC.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from workload.core.errors import BadInputError, ExitCode, UnfitError, WorkloadError, first_line
from workload.core.models.device import DeviceInfo
from workload.distributed.attempts import ATTEMPT_SEC, connect_within
from workload.distributed.environment import Place
from workload.distributed.failures import FollowedError, LostRankError, with_rank
from workload.hardware.cuda_problem import driver_blocks
from workload.hardware.devices import parse

T = TypeVar("T")

# The longest wait for other ranks, in one operation.
GROUP_SEC = 30.0
BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
_OF_THE_GROUP = (dist.DistBackendError, dist.DistNetworkError, dist.DistStoreError)


def own_device(requested: str, place: Place) -> str:
    """Return this rank's device. Of several GPUs, it is the one whose index is the local rank.

    A single rank that sees one GPU uses that GPU. A rank that sees fewer GPUs than there are ranks,
    all of them its own, uses the first. Raises BadInputError if several ranks request one GPU, and
    UnfitError if there are fewer GPUs than ranks or if the driver hangs.
    """
    kind, _ = parse(requested)
    ranks = place.local_world_size
    if ":" in requested and ranks > 1:
        raise BadInputError(
            f"--device {requested} is one GPU, but {ranks} ranks run on this node: "
            "choose --device cuda, which gives each rank its own GPU"
        )
    if kind == "cpu" or ":" in requested:
        return requested
    blocked = driver_blocks(0)
    if blocked:
        raise UnfitError(f"device {requested} is not usable: {blocked}")
    return _numbered(requested, place, torch.cuda.device_count())


def _numbered(requested: str, place: Place, gpus: int) -> str:
    ranks = place.local_world_size
    if (requested, gpus) == ("auto", 0) or (gpus, ranks) == (1, 1):
        return requested
    if 0 < gpus < ranks and place.sees_only_own_gpus:
        return "cuda:0"
    if gpus < ranks:
        raise UnfitError(
            f"each rank on this node needs its own GPU (ranks: {ranks}, GPUs: {gpus}): "
            "start fewer ranks, or choose --device cpu"
        )
    return f"cuda:{place.local_rank}"


class Group:
    """The process group that this rank has joined."""

    def __init__(self, place: Place, device: DeviceInfo) -> None:
        """Store this rank's place and device."""
        self.place = place
        self._where = device.torch_name

    def on_rank_0(self, work: Callable[[], T]) -> T:
        """Call `work` on rank 0 only; return its result, which must be plain JSON, on every rank.

        If `work` raises a WorkloadError, the other ranks raise FollowedError with the same code.
        """
        return self._lead(work) if self.place.leads else self._follow()

    def _lead(self, work: Callable[[], T]) -> T:
        try:
            value = work()
        except WorkloadError as error:
            self._send({"line": str(error), "code": error.exit_code})
            raise
        self._send({"value": value})
        return value

    def _follow(self) -> Any:
        length = torch.empty(1, dtype=torch.int64, device=self._where)
        dist.broadcast(length, 0)
        text = torch.empty(int(length), dtype=torch.uint8, device=self._where)
        dist.broadcast(text, 0)
        answer = json.loads(bytes(text.tolist()))
        if "code" in answer:
            raise FollowedError(with_rank(0, answer["line"]), ExitCode(answer["code"]))
        return answer["value"]

    def _send(self, answer: object) -> None:
        """Send the answer as a tensor.

        Operations of the group have a time limit, but the group's store has none.
        """
        text = torch.tensor(list(json.dumps(answer).encode()), dtype=torch.uint8)
        dist.broadcast(torch.tensor([len(text)], device=self._where), 0)
        dist.broadcast(text.to(self._where), 0)


@contextmanager
def joined(place: Place, device: DeviceInfo, wait_sec: float = GROUP_SEC) -> Iterator[Group]:
    """Join the group of all ranks; at the end, all ranks leave it together.

    Raises UnfitError if the ranks do not meet, or LostRankError if one is lost.
    """
    backend, limit = BACKENDS[device.kind], timedelta(seconds=wait_sec)
    if device.kind == "cuda":
        torch.cuda.set_device(device.torch_name)  # for NCCL's own tensors
    try:
        dist.init_process_group(
            backend,
            store=_store(place, limit),
            rank=place.rank,
            world_size=place.world_size,
            timeout=limit,
            device_id=torch.device(device.torch_name) if device.kind == "cuda" else None,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise UnfitError(
            f"rank {place.rank} of {place.world_size} did not reach the others at "
            f"{place.master_address}:{place.master_port} within {wait_sec:g} s "
            f"({_short(error)}): start all ranks together, with the address of rank 0"
        ) from error
    try:
        with lost_ranks_named(place):
            yield Group(place, device)
            dist.barrier()
    except BaseException:
        if backend == "gloo":  # NCCL would wait for a lost rank; the process ends soon
            dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def _store(place: Place, limit: timedelta) -> dist.Store:
    """Return the store of the ranks' addresses, without those of an earlier attempt.

    When torchrun's agent restarts the ranks, it keeps its store with the addresses of the ranks
    that ended (torch 2.13). So each attempt uses its own keys.
    """
    if place.leads and not place.agent_store:
        store = _tcp_store(place, limit, listens=True)
    else:
        attempt = timedelta(seconds=ATTEMPT_SEC)
        try:
            store = connect_within(
                limit.total_seconds(), lambda: _tcp_store(place, attempt), *_OF_THE_GROUP
            )
        except _OF_THE_GROUP:
            raise ConnectionError("no connection") from None
        store.set_timeout(limit)
    return dist.PrefixStore(f"attempt {place.restart if place.agent_store else 0}", store)


def _tcp_store(place: Place, limit: timedelta, listens: bool = False) -> dist.TCPStore:
    return dist.TCPStore(
        place.master_address,
        place.master_port,
        place.world_size,
        is_master=listens,
        timeout=limit,
    )


@contextmanager
def lost_ranks_named(place: Place) -> Iterator[None]:
    """Raise LostRankError instead of the error that the group raises if a rank is lost."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, _OF_THE_GROUP) and "gloo" not in str(error):
            raise
        raise LostRankError(
            f"rank {place.rank} of {place.world_size} lost another rank ({_short(error)}): see the "
            "output of the others, check that their nodes respond, then restart all ranks"
        ) from error


def _short(error: Exception) -> str:
    """Return the error of gloo, NCCL or the store without its source location and advice."""
    line = re.sub(r"^\[[^\]]*\] ", "", first_line(error))
    return line.partition(". ")[0]
