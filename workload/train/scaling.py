"""Measure strong scaling (one batch for all ranks) and weak scaling (one batch for each rank).

For every number of ranks, two loops run alternately, TURNS times each: one trains, and the other
does the same steps without communication. The difference between their times is the communication
time, including the wait for the slowest rank. All ranks call the same functions; a rank that is not
needed for a measurement waits.
"""

from dataclasses import replace
from functools import partial

import torch
import torch.distributed as dist

from workload.bench.threads import counts_up_to
from workload.bench.timers import waited_sec
from workload.core.models.device import DeviceInfo
from workload.core.models.train import STRONG, WEAK, ScalingPoint
from workload.core.statistics import median
from workload.core.train_spec import TrainSpec
from workload.hardware import precision
from workload.train.modes.mode import Loop, draw
from workload.train.modes.ranks import LOOPS, Split

TURNS = 9
TURN_SEC = 0.1
WARM_UP_STEPS = 3
MOST_STEPS = 50  # per turn


def measure_scaling(spec: TrainSpec, device: DeviceInfo, mode: str) -> list[ScalingPoint]:
    """Measure the step time on 1, 2, 4, … and all ranks.

    No more ranks take part than the batch has rows. Every rank returns the measurements that it
    took part in. Rank 0 takes part in all of them.
    """
    counts = counts_up_to(min(dist.get_world_size(), spec.batch_size))
    groups = {count: dist.new_group(list(range(count))) for count in counts}
    points = []
    for kind in (STRONG, WEAK):
        single_sec = None
        for count in counts:
            if dist.get_rank() < count:
                split = Split(dist.get_rank(), count, groups[count])
                scaled = spec if kind == STRONG else _with_rows(spec, count)
                steps, local = _times(scaled, device, mode, split)
                single_sec = single_sec or median(steps) or 0.0
                points.append(
                    ScalingPoint(
                        kind=kind,
                        ranks=count,
                        batch_size=scaled.batch_size,
                        step_time_sec=tuple(steps),
                        local_time_sec=tuple(local),
                        single_step_sec=single_sec,
                    )
                )
            dist.barrier()
    return points


def _with_rows(spec: TrainSpec, count: int) -> TrainSpec:
    """Return the spec with `count` times the batch size and 1/`count` of the learning rate.

    The loss is a sum over rows, so more rows need a smaller learning rate.
    """
    return replace(
        spec, batch_size=count * spec.batch_size, learning_rate=spec.learning_rate / count
    )


def _times(
    spec: TrainSpec, device: DeviceInfo, mode: str, split: Split
) -> tuple[list[float], list[float]]:
    """Return the seconds per step of each turn, with and without communication.

    The times are those of the slowest rank.
    """
    data = draw(spec, device.torch_name)
    silent = replace(split, silent=True)
    # A single rank does not communicate.
    loops: list[Loop] = [
        LOOPS[mode](spec, device, data, one)
        for one in (silent if split.size == 1 else split, silent)
    ]
    samples: list[list[float]] = [[], []]
    with precision.matmul_precision(spec.dtype):
        first = max(_seconds(loop, device, WARM_UP_STEPS) for loop in loops)
        ((step_sec,),) = _largest([[first]], device, split)
        count = max(1, min(MOST_STEPS, round(TURN_SEC / max(step_sec, 1e-9))))
        for _ in range(TURNS):
            for loop, found in zip(loops, samples, strict=True):
                found.append(_seconds(loop, device, count))
    slowest = _largest(samples, device, split)
    return slowest[0], slowest[1]


def _seconds(loop: Loop, device: DeviceInfo, steps: int) -> float:
    return waited_sec(partial(loop.advance, steps), device) / steps


def _largest(values: list[list[float]], device: DeviceInfo, split: Split) -> list[list[float]]:
    """Return the maximum of each value over all ranks of the split, the same on each rank."""
    largest = torch.tensor(values, dtype=torch.float64, device=device.torch_name)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group=split.group)
    found: list[list[float]] = largest.tolist()
    return found
