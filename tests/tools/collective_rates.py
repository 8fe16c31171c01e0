"""Is the bandwidth of `workload collectives` that of a plain loop over torch.distributed?

    python tests/tools/collective_rates.py [--ranks 2] [--sizes 1048576] [--operations NAME...]

Both are measured in the same processes, in turns. The loop knows nothing of this package: it meets
the others, calls the operation, divides the time by the calls, and takes the median of its blocks.
Prints, for each operation and size, the median and the middle half of workload's bandwidth over
the loop's. On a quiet machine with a CPU for each rank it is 0.9 to 1.1. On a busy one, look at
the same ratio of the 10% quantiles, which other processes move less.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist

from workload.collectives.measure import measure
from workload.collectives.operations import COLLECTIVES, Operation, elements_of
from workload.collectives.team import Team
from workload.core.errors import WorkloadError
from workload.core.models.device import DeviceInfo
from workload.core.statistics import quantile
from workload.core.units import format_bytes
from workload.distributed.environment import Place, read_place
from workload.distributed.group import joined
from workload.distributed.launch import Launch, launch
from workload.hardware import devices

BUDGET_SEC = 0.4  # of one measurement
BLOCK_SEC = 10e-3


def plain_calls(kind: str, elements: int, ranks: int) -> Callable[[], object]:
    """Return the operation as a user writes it."""
    whole, part = torch.zeros(elements), torch.zeros(elements // ranks)
    other = torch.zeros(elements)
    gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
    scatter = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor
    calls: dict[str, Callable[[], object]] = {
        "all-reduce": lambda: dist.all_reduce(whole),
        "reduce-scatter": lambda: scatter(part, whole),
        "all-gather": lambda: gather(whole, part),
        "broadcast": lambda: dist.broadcast(whole, 0),
        "all-to-all": lambda: dist.all_to_all_single(other, whole),
    }
    return calls[kind]


def plain_samples(call: Callable[[], object]) -> list[float]:
    """Return the seconds of a call in a plain loop, on the slowest rank, in each block."""
    call()
    call_sec = _block(call, 3)
    calls = max(1, round(BLOCK_SEC / call_sec))
    blocks = max(3, round(BUDGET_SEC / (calls * call_sec)))
    return [_block(call, calls) for _ in range(blocks)]


def _block(call: Callable[[], object], calls: int) -> float:
    dist.barrier()
    started = time.perf_counter()
    for _ in range(calls):
        call()
    longest = torch.tensor([(time.perf_counter() - started) / calls], dtype=torch.float64)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    return float(longest)


def compare(options: argparse.Namespace, place: Place) -> None:
    """Alternate between both, and print the ratios on rank 0."""
    device = devices.resolve("cpu")
    with joined(place, device):
        team = Team(place)
        for kind in [one for one in COLLECTIVES if one.kind in options.operations]:
            for size in options.sizes:
                elements = elements_of(size, "float32", team.ranks)
                operation = kind("float32", team.ranks, elements)
                call = plain_calls(operation.kind, elements, team.ranks)
                both: dict[str, Callable[[], list[float]]] = {
                    "workload": partial(_our_samples, operation, team, device),
                    "plain": partial(plain_samples, call),
                }
                turns = []
                for turn in range(options.alternations):
                    order = both if turn % 2 else reversed(both)
                    samples = {name: both[name]() for name in order}
                    turns.append((samples["workload"], samples["plain"]))
                if place.leads:
                    _show(operation, turns)


def _our_samples(operation: Operation, team: Team, device: DeviceInfo) -> list[float]:
    measured = measure(operation, team, device, BUDGET_SEC)
    case = measured.case((team.ranks, operation.elements), range(team.ranks))
    return list(case.timing.samples_sec) if case.timing else []


def _show(operation: Operation, turns: list[tuple[list[float], list[float]]]) -> None:
    words = []
    for name, fraction in (("median", 0.5), ("10% quantile", 0.1)):
        ratios = [
            (quantile(theirs, fraction) or 0.0) / (quantile(ours, fraction) or 1.0)
            for ours, theirs in turns
        ]
        low, middle, high = (quantile(ratios, share) or 0.0 for share in (0.25, 0.5, 0.75))
        words.append(f"{name} {middle:.3f} ({low:.3f} to {high:.3f})")
    print(
        f"{operation.kind:<15} {format_bytes(operation.bytes):>8}  {', '.join(words)}, "
        f"{len(turns)} alternations",
        flush=True,
    )


def main() -> int:
    """Start the ranks, or be one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ranks", type=int, default=2)
    names = [operation.kind.value for operation in COLLECTIVES]
    parser.add_argument("--operations", nargs="+", choices=names, default=names)
    parser.add_argument("--alternations", type=int, default=15)
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(size) for size in text.split(",")],
        default=[1 << 20, 16 << 20],
    )
    options = parser.parse_args()
    place = read_place(os.environ)
    if place:
        compare(options, place)
        return 0
    arguments = (str(Path(__file__).resolve()), *sys.argv[1:])
    try:
        return launch(arguments, Launch(options.ranks))
    except WorkloadError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
