"""`workload` with faults in what one rank sends or receives: PLANT="faults 1".

Run as a script, with the command line. The ranks that it starts run this script too.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from workload.core.garbage import without_garbage_collection

with without_garbage_collection():  # saves each process 0.35 s, as in the command line
    import torch
    import torch.distributed as dist

from workload.cli.main import main
from workload.core import places
from workload.distributed import launch as launching
from workload.distributed.launch import Launch

SMALLEST = 64  # elements; each fault is of one array that is large enough to have causes
SLOW_SEC = 0.1
RENAMED = hasattr(dist, "all_gather_single")  # in torch 2.13
GATHER = "all_gather_single" if RENAMED else "all_gather_into_tensor"
SCATTER = "reduce_scatter_single" if RENAMED else "reduce_scatter_tensor"

Function = Callable[..., Any]


def replace(name: str, make: Callable[[Function], Function]) -> None:
    setattr(dist, name, make(getattr(dist, name)))


def around(before: Function, after: Function) -> Callable[[Function], Function]:
    """Make of an operation one with something before and after it, on large enough arrays."""

    def make(operation: Function) -> Function:
        def call(taken: torch.Tensor, *given: Any, **options: Any) -> Any:
            planted = taken.numel() >= SMALLEST and taken.is_floating_point()
            if planted:
                before(taken)
            done = operation(taken, *given, **options)
            if planted:
                after(taken)
            return done

        return call

    return make


def nothing(_tensor: torch.Tensor) -> None:
    pass


def change_one(tensor: torch.Tensor) -> None:
    tensor[7] += 1


def swap_halves(tensor: torch.Tensor) -> None:
    chunk = tensor.numel() // dist.get_world_size()
    first = tensor[:chunk].clone()
    tensor[:chunk] = tensor[chunk : 2 * chunk]
    tensor[chunk : 2 * chunk] = first


def give_the_last(tensor: torch.Tensor, last: dict[Any, torch.Tensor]) -> None:
    key = tensor.shape, tensor.dtype
    now = tensor.clone()
    tensor.copy_(last.get(key, now))
    last[key] = now


def refuse(*_given: Any, **_options: Any) -> None:
    raise RuntimeError("Backend gloo does not support _allgather_base")  # as torch words it


def slowed(operation: Function) -> Function:
    def exchange(works: Sequence[dist.P2POp]) -> Any:
        spin()
        return operation(works)

    return exchange


def slowed_with(peer: int) -> Callable[[Function], Function]:
    def make(operation: Function) -> Function:
        def exchange(works: Sequence[dist.P2POp]) -> Any:
            if works[0].peer == peer:
                spin()
            return operation(works)

        return exchange

    return make


def spin() -> None:
    numbers = torch.rand(64, 64)
    end = time.perf_counter() + SLOW_SEC
    while time.perf_counter() < end:
        numbers @ numbers


def plant_faults() -> None:
    """Plant one of each kind, each in an operation of its own."""
    last: dict[Any, torch.Tensor] = {}
    replace("all_reduce", around(torch.Tensor.zero_, nothing))
    replace(SCATTER, around(nothing, change_one))
    replace("all_to_all_single", around(nothing, swap_halves))
    replace("broadcast", around(nothing, lambda tensor: give_the_last(tensor, last)))


PLANTS: dict[str, Callable[[], None]] = {
    "faults": plant_faults,
    "slow": lambda: replace("batch_isend_irecv", slowed),
    "slow-with-0": lambda: replace("batch_isend_irecv", slowed_with(0)),
}


def launch_this(arguments: Sequence[str], plan: Launch) -> Any:
    """Start ranks of this script in place of the package."""
    return START((__file__, *arguments[2:]), plan)


START = launching.launch

if __name__ == "__main__":
    setattr(places, "ends_with_container", lambda *_: False)  # noqa: B010  of a test image
    setattr(launching, "launch", launch_this)  # noqa: B010
    name, rank = os.environ["PLANT"].split()
    if "RANK" in os.environ and name == "faults":  # a backend is the same on every rank
        replace(GATHER, lambda _operation: refuse)
    own = os.environ.get("RANK", os.environ.get("JOB_COMPLETION_INDEX"))
    if own == rank and name != "none":
        PLANTS[name]()
    sys.exit(main())
