"""Check the losses of a mode, step by step, against a float64 reference before it is timed.

There are two checks:

- All steps on the small network of `clear_run`. This check detects a learning rate that is off by
  0.1 %, or a gradient that uses the wrong w2.
- The first steps of the requested training run, with its shapes and libraries.

The module `reference` explains the tolerances.

In tf32 and half precision, rounding flips ReLUs in nearly every step, so float64 does not predict
later losses. For these dtypes only the first check runs, in float32; `verify` checks their matmuls.

Not covered: steps after the first ones of the requested run, and all steps from the one whose
expected loss first exceeds that of step 1, since a growing loss amplifies rounding.
"""

from dataclasses import replace

import torch
from torch import Tensor

from workload.core.errors import WrongNumbersError
from workload.core.models.device import DeviceInfo
from workload.core.tolerances import LAMBDA, unit_roundoff
from workload.core.train_spec import TrainSpec
from workload.hardware.watchdog import watchdog
from workload.train.modes.mode import Data, Mode, draw
from workload.train.modes.reference import CLEAR_SPEC, Reference, by_hand, clear_run

# Two blocks of steps, and part of a third.
STEPS = 25
# The most operations of the float64 reference: under half a second on two cores.
REFERENCE_FLOPS = 2e10
# The tolerance, relative to the loss, of a mode with other arithmetic than `eager`, in addition to
# that of rounding. Measured for `dual` against `eager`, 500 steps of `wide`: 5.9e-9 (`fused` in
# float64: 8.4e-9).
REFORMULATED_TOLERANCE = 1e-8


def clear_error(mode: Mode, device: DeviceInfo, dtype: str, seed: int = 0) -> float | None:
    """Return the largest error of sqrt(loss), divided by sqrt(first loss), in a `clear_run`.

    The largest allowed value is `clear_tolerance`. Return None if a loss is not finite.
    """
    data, reference = clear_run(dtype, seed)
    losses = _losses(mode, replace(CLEAR_SPEC, dtype=dtype), device, data)
    if not bool(torch.isfinite(losses).all()):
        return None
    expected = reference.losses.sqrt()
    return float((losses.sqrt() - expected).abs().max() / expected[0])


def clear_tolerance(mode: Mode, dtype: str) -> float:
    """Return the largest allowed value of `clear_error`."""
    # A relative error of 2 e in L is one of e in sqrt(L).
    return LAMBDA * unit_roundoff(dtype) if mode.same_arithmetic else REFORMULATED_TOLERANCE / 2


def require_right(mode: Mode, spec: TrainSpec, device: DeviceInfo) -> None:
    """Raise WrongNumbersError if the mode's losses are not those of the example loop."""
    dtype = spec.dtype if spec.dtype in ("float64", "float32") else "float32"
    error = clear_error(mode, device, dtype)
    if error is None or not error <= clear_tolerance(mode, dtype):
        found = "is not finite" if error is None else f"is off by {error:.3g} times its first value"
        where = f"on a small network, the square root of its loss {found}"
        raise WrongNumbersError(_line(mode, where))
    if dtype == spec.dtype:
        _require_right_losses(mode, spec, device)


def _require_right_losses(mode: Mode, spec: TrainSpec, device: DeviceInfo) -> None:
    spec = replace(spec, steps=_steps(spec))
    data = draw(spec)
    reference = by_hand(spec, data)
    losses = _losses(mode, spec, device, data)
    wrong = first_wrong(losses, reference, mode)
    if wrong is not None:
        found, expected = float(losses[wrong]), float(reference.losses[wrong])
        where = f"its loss at step {wrong + 1} is {found:.9g}, not {expected:.9g} as in float64"
        raise WrongNumbersError(_line(mode, where))


def first_wrong(losses: Tensor, reference: Reference, mode: Mode) -> int | None:
    """Return the index of the first loss outside its tolerance; None if there is none.

    The losses are compared until the expected loss first exceeds its value at step 1.
    """
    expected = reference.losses
    allowed = reference.allowed
    if not mode.same_arithmetic:
        allowed = allowed + REFORMULATED_TOLERANCE / 2 * expected.sqrt()
    counts = (expected <= expected[0]).cumprod(0).bool()
    right = (losses.sqrt() - expected.sqrt()).abs() <= allowed  # False for nan
    wrong = (counts & ~right).nonzero()
    return int(wrong[0]) if len(wrong) else None


def _losses(mode: Mode, spec: TrainSpec, device: DeviceInfo, data: Data) -> Tensor:
    """Run the mode; return its losses, (steps,), as float64 on the CPU."""
    x, y, w1, w2 = (tensor.to(device.torch_name) for tensor in data)
    losses = mode.start(spec, device, (x, y, w1, w2)).advance(spec.steps).cpu().double()
    watchdog.answered()
    return losses


def _steps(spec: TrainSpec) -> int:
    """Return the number of steps to check, at least two: an update affects only later losses."""
    return max(2, min(STEPS, int(REFERENCE_FLOPS / spec.step_flops)))


def _line(mode: Mode, what: str) -> str:
    return (
        f"mode {mode.name} computes wrong numbers here: {what}, which rounding cannot explain; "
        "choose another --mode, and report this error (`workload verify` may find the cause)"
    )
