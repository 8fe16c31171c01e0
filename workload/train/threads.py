"""Choose the number of CPU threads of a training run.

The last bits of the losses depend on the number of threads, so `workload train` chooses it by the
shapes, not by measured times. `workload run` never resumes a training run, so it uses the number
that is fastest now: beside other programs, too many threads make a short step ten times slower.
"""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from workload.bench.threads import counts_up_to, fastest, with_fastest
from workload.bench.timing import measure
from workload.core.errors import BadInputError, UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.core.units import plural
from workload.hardware import devices
from workload.hardware.openmp import most_threads
from workload.train.modes.eager import EAGER
from workload.train.modes.mode import Mode, draw

TRIAL_SEC = 0.3  # per count
# The least speed-up that is worth a hint.
WORTH_A_HINT = 1.25


def with_fastest_threads(spec: TrainSpec, device: DeviceInfo) -> DeviceInfo:
    """Set the number of threads with which a step is fastest now; do nothing for a GPU."""
    if device.kind != "cpu":
        return device
    tried = counts_up_to(max(device.threads, *device.swept_threads, 1))
    return with_fastest(device, step_times(spec, device, tried))


def faster_threads(
    spec: TrainSpec, device: DeviceInfo, most: int, mode: Mode = EAGER
) -> tuple[int, float, float] | None:
    """Return the best thread count, its seconds per step, and those of the current count.

    The counts up to `most` are tried. Return None unless the best count is more than WORTH_A_HINT
    times as fast as the current one.
    """
    tried = tuple(dict.fromkeys((*counts_up_to(most), device.threads)))
    found = step_times(spec, device, tried, mode)
    best, (own_sec, _) = fastest(found), found[device.threads]
    best_sec = found[best][0]
    return (best, best_sec, own_sec) if own_sec > WORTH_A_HINT * best_sec else None


def step_times(
    spec: TrainSpec, device: DeviceInfo, counts: Sequence[int], mode: Mode = EAGER
) -> dict[int, tuple[float, bool]]:
    """Return, for each count, the median seconds per step and whether threads had to wait."""
    data = draw(spec)
    found = {}
    try:
        for count in counts:
            info = devices.set_threads(device, count)
            loop = mode.start(spec, info, data)
            timing = measure(partial(loop.advance, 1), info, TRIAL_SEC)
            found[count] = timing.median_sec or math.inf, timing.contended is not None
    finally:
        devices.set_threads(device, device.threads)
    return found


def require_threads(path: Path, saved: int, device: DeviceInfo, asked: int | None) -> None:
    """Refuse to resume with another number of threads than `saved`: the last bits would differ.

    Raises BadInputError if the user requested another number, UnfitError if `saved` threads cannot
    run.
    """
    words, (most, why) = plural(saved, "thread"), most_threads(device)
    if asked not in (None, saved):
        raise BadInputError(
            f"the run saved in {path} used {words}, not {asked}: resume it without --threads"
        )
    if saved > most:
        raise UnfitError(
            f"{path} was trained with {words}, but {why}: "
            f"resume it where {words} can run, or start again with another --checkpoint"
        )
