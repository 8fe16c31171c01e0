"""Warm up a training run on a copy of its weights, so that its first steps are not slower."""

import time
from functools import partial

from workload.bench.timers import waited_sec
from workload.bench.timing import MIN_WARM_UP_SEC, until_steady
from workload.core.models.device import DeviceInfo
from workload.train.modes.mode import Loop

BATCH_SEC = 0.02  # per batch of steps; the times of batches are compared
# The limit of the warm-up: this time or this share of the training run, whichever is longer.
MAX_WARM_UP_SEC = 1.0
WARM_UP_SHARE = 0.05


def warm_up(loop: Loop, device: DeviceInfo, steps: int, most: int) -> tuple[float, bool]:
    """Train `loop` until batches of up to `most` steps are equally fast or the time is up.

    The time limit depends on `steps`, the number of steps that follow the warm-up. Returns the
    seconds of the warm-up, and whether the batches became equally fast.
    """
    started = time.perf_counter()

    def advance(count: int) -> float:
        return waited_sec(partial(loop.advance, count), device) / count

    step_sec = advance(1)  # loads libraries
    if step_sec < MAX_WARM_UP_SEC:
        step_sec = advance(1)
    at_most_sec = max(MAX_WARM_UP_SEC, WARM_UP_SHARE * steps * step_sec)
    steady = False
    if step_sec < at_most_sec:
        count = max(1, min(most, round(BATCH_SEC / max(step_sec, 1e-9))))
        at_least_sec = MIN_WARM_UP_SEC[device.kind]
        _, steady = until_steady(advance, lambda _sec: count, at_least_sec, at_most_sec)
    return time.perf_counter() - started, steady


def warm_up_together(loop: Loop, device: DeviceInfo, steps: int, most: int) -> tuple[float, bool]:
    """Train `loop` for up to `most` steps, the same number on every rank.

    Returns the seconds of the warm-up, and False: times are not compared, because the ranks could
    then stop after different numbers of steps.
    """
    return waited_sec(partial(loop.advance, min(steps, most)), device), False
