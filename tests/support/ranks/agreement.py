"""When do two trainings in float64 have the same losses? The bounds of training on ranks."""

import math
from collections.abc import Sequence
from dataclasses import replace

from workload.core.train_spec import PRESETS, TrainSpec
from workload.hardware.devices import resolve
from workload.train.loop import train
from workload.train.modes.mode import draw

SPEC = replace(PRESETS["book"], dtype="float64")
# Of |y|, for the roots of the losses: the residuals are sums that cancel down to y.
ROOT_TOLERANCE = 1e-12
# Of the loss: while it is large, and where rows that were split differ more (1e-9, measured).
EARLY_STEPS, EARLY_TOLERANCE, LATE_TOLERANCE = 100, 1e-12, 1e-8


def single_losses(spec: TrainSpec = SPEC) -> Sequence[float]:
    """The losses of the book's loop in this process."""
    return [float(loss or 0) for loss in train(spec, resolve("cpu")).losses]


def disagreement(
    losses: Sequence[float], single: Sequence[float], spec: TrainSpec = SPEC
) -> str | None:
    """Name the first step whose losses are too far apart; None if there is none."""
    _, y, _, _ = draw(spec)
    allowed = ROOT_TOLERANCE * float(y.norm())
    for step, (loss, expected) in enumerate(zip(losses, single, strict=True), 1):
        relative = EARLY_TOLERANCE if step <= EARLY_STEPS else LATE_TOLERANCE
        far = abs(math.sqrt(loss) - math.sqrt(expected)) > allowed
        if far or abs(loss - expected) > relative * expected:
            return f"step {step}: {loss!r}, not {expected!r}"
    return None
