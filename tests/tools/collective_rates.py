"""Is the bandwidth of `workload collectives` that of a plain loop over torch.distributed?

    python tests/tools/collective_rates.py [--ranks 2] [--sizes 1048576] [--operations NAME...]

Both are measured in the same processes. The loop knows nothing of this package: it meets the
others, calls the operation, and divides the time by the calls. A block of one follows a block of
the other, of as many calls, in random order: gloo's threads and the scheduler settle in one of
several speeds for a second or two, which both then have. Both get new arrays for each alternation,
as where these lie in memory matters too. Prints, for each operation and size, workload's bandwidth
over the loop's: the median of all pairs of blocks, its 95% interval, and the middle half of the
alternations' medians. On a quiet machine with a CPU for each rank it is 0.9 to 1.1.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist

from workload.bench.timers import make_timer
from workload.collectives.buffers import Buffers
from workload.collectives.operations import COLLECTIVES, Call, Operation, elements_of
from workload.collectives.team import Team, TeamTimer
from workload.core.errors import WorkloadError
from workload.core.methods import HOST_CLOCK
from workload.core.statistics import median, median_interval, quantile
from workload.core.units import format_bytes
from workload.distributed.environment import Place, read_place
from workload.distributed.group import joined
from workload.distributed.launch import Launch, launch
from workload.hardware import devices

PAIRS = 20  # of blocks, in each alternation
BLOCK_SEC = 10e-3
WARM_UP_CALLS = 3


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


def plain_block(call: Callable[[], object], calls: int) -> float:
    """Return the seconds of a call in a plain loop, on the slowest rank."""
    dist.barrier()
    started = time.perf_counter()
    for _ in range(calls):
        call()
    longest = torch.tensor([(time.perf_counter() - started) / calls], dtype=torch.float64)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    return float(longest)


def our_call(operation: Operation, team: Team) -> Call:
    """Return the operation with the arrays that `collectives` times it with."""
    buffers = Buffers(operation, team.rank, "cpu")
    buffers.fill(team.next_call())
    buffers.settle()
    return operation.call(buffers.given, buffers.taken)


def our_block(timer: TeamTimer, team: Team, calls: int) -> float:
    """Return the seconds of a call in one sample of `collectives`, on the slowest rank."""
    if not team.leads:
        timer.follow()
        return team.from_rank_0(0.0)
    call_sec = timer.batch(calls)
    timer.end()
    return team.from_rank_0(call_sec)


def ratios(operation: Operation, team: Team, order: random.Random) -> list[float]:
    """Return the loop's seconds over ours in each pair of blocks of one alternation."""
    call = plain_calls(operation.kind, operation.elements, team.ranks)
    host_timer = make_timer(HOST_CLOCK, our_call(operation, team), devices.resolve("cpu"))
    timer = TeamTimer(host_timer, team)
    blocks = {"ours": partial(our_block, timer, team), "plain": partial(plain_block, call)}
    blocks["ours"](WARM_UP_CALLS)
    calls = max(1, round(BLOCK_SEC / blocks["plain"](WARM_UP_CALLS)))
    found = []
    for _ in range(PAIRS):
        seconds = {name: blocks[name](calls) for name in order.sample(sorted(blocks), len(blocks))}
        found.append(seconds["plain"] / seconds["ours"])
    return found


def compare(options: argparse.Namespace, place: Place) -> None:
    """Alternate between both, and print the ratios on rank 0."""
    order = random.Random(0)  # the same on all ranks
    with joined(place, devices.resolve("cpu")):
        team = Team(place)
        for kind in [one for one in COLLECTIVES if one.kind in options.operations]:
            for size in options.sizes:
                elements = elements_of(size, "float32", team.ranks)
                operation = kind("float32", team.ranks, elements)
                found = [ratios(operation, team, order) for _ in range(options.alternations)]
                if place.leads:
                    show(operation, found)


def show(operation: Operation, alternations: list[list[float]]) -> None:
    """Print what the alternations found."""
    pairs = [ratio for found in alternations for ratio in found]
    low, high = median_interval(pairs) or (min(pairs), max(pairs))
    medians = [median(found) or 0.0 for found in alternations]
    quarter, three_quarters = quantile(medians, 0.25), quantile(medians, 0.75)
    print(
        f"{operation.kind:<15} {format_bytes(operation.bytes):>8}  ratio {median(pairs):.3f} "
        f"(95%: {low:.3f} to {high:.3f}; alternations: {quarter:.3f} to {three_quarters:.3f}), "
        f"{len(pairs)} pairs in {len(alternations)} alternations",
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
