"""Compute a run's final loss in float64, and from which step on its losses are off by over 1 %.

In the last steps of a training run that converges, rounding determines the loss: `book` ends at
3e-5 in float32, and at 3e-7 in float64. The float64 run starts from the same numbers, rounded to
the dtype of the training run. It uses mode `dual` and takes a tenth of a second. Its losses differ
from those of `reference.by_hand` by at most 1e-9 of the loss (500 steps of `book`, two seeds).
"""

import torch
from msgspec.structs import replace

from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_case import spec_of
from workload.core.train_spec import TrainSpec
from workload.train.modes.dual import DualLoop
from workload.train.modes.mode import draw

# The largest relative error of a loss that counts as right.
RIGHT = 0.01
# The most operations and steps for which the reference is computed: about a second.
MAX_FLOPS, MAX_STEPS = 2e10, 10_000


def with_float64(result: TrainResult, device: DeviceInfo) -> TrainResult:
    """Return the result with `float64_loss` and `rounding_from_step` filled in.

    Return the result unchanged if the run is in float64 or too long, or if a loss is missing or not
    finite.
    """
    spec = spec_of(result)
    steps = len(result.losses)
    found = [loss for loss in result.losses if loss is not None]
    if spec.dtype == "float64" or result.diverged_at_step or len(found) < max(1, steps):
        return result
    if steps > MAX_STEPS or _flops(spec, steps) > MAX_FLOPS:
        return result
    x, y, w1, w2 = (tensor.double() for tensor in draw(spec))
    expected = DualLoop(spec, device, (x, y, w1, w2)).advance(steps)
    if not bool(torch.isfinite(expected).all()):
        return result
    errors = (torch.tensor(found, dtype=torch.float64) - expected).abs()
    right = (errors <= RIGHT * expected).nonzero()
    last_right = int(right[-1]) + 1 if len(right) else 0
    return replace(
        result,
        float64_loss=float(expected[-1]),
        rounding_from_step=last_right + 1 if last_right < steps else None,
    )


def _flops(spec: TrainSpec, steps: int) -> float:
    """Return the number of operations of mode `dual`.

    Its matmuls over the input dimension run once, the other matmuls run in each step.
    """
    batch, hidden = spec.batch_size, spec.hidden_size
    once = 2 * batch * spec.input_size * (batch + hidden)
    each = 2 * batch * hidden * (batch + 3 * spec.output_size)
    return float(once + steps * each)
