"""Draw inputs and judge results for one dtype on one device."""

import math
import sys
from collections.abc import Iterable

import torch
from torch import Tensor

from workload.core.models.device import DeviceInfo
from workload.core.models.verify import RELATIVE, VerifyResult
from workload.hardware import precision
from workload.hardware.watchdog import watchdog
from workload.verify.bounded import Bounded

TYPICAL = "error / typical element"


class VerifyCase:
    """A dtype on a device, with one seeded generator for all its inputs."""

    def __init__(self, device: DeviceInfo, dtype: str, seed: int) -> None:
        """Look up the dtype. Raises BadInputError if it is unknown."""
        self.device = device
        self.dtype = dtype
        self.seed = seed
        self._torch_dtype = precision.torch_dtype(dtype)
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, *shape: int) -> Tensor:
        """Draw standard normal numbers rounded to the dtype; return them as float64 on the CPU."""
        return self.round(torch.randn(shape, generator=self._generator, dtype=torch.float64))

    def round(self, values: Tensor) -> Tensor:
        """Round `values` to the dtype; return them as float64."""
        return values.to(self._torch_dtype).double()

    def place(self, values: Tensor) -> Tensor:
        """Copy `values` to the device in the dtype; values from `draw` and `round` stay exact."""
        return values.to(device=self.device.torch_name, dtype=self._torch_dtype, copy=True)

    def judge(
        self, name: str, computed: Tensor, expected: Bounded, metric: str = TYPICAL
    ) -> VerifyResult:
        """Return the result for the element whose error is the largest share of its tolerance.

        The error and the tolerance are divided by the expected element (RELATIVE) or, if sums may
        cancel, by the root mean square of all expected elements (TYPICAL).
        """
        result = computed.detach().cpu().double()
        watchdog.answered()
        wrong_shape = result.shape != expected.value.shape
        if wrong_shape or not bool(torch.isfinite(result).all()):
            result = torch.full_like(expected.value, torch.nan)
        error = (result - expected.value).abs().flatten()
        allowed = expected.error.flatten() + sys.float_info.min  # never 0 / 0
        worst = int((error / allowed).argmax())  # the first, if all are nan
        magnitude = expected.value.flatten()[worst].abs()
        typical = expected.value.square().mean().sqrt()
        scale = float(magnitude if metric == RELATIVE else typical) or 1.0
        worst_error = float(error[worst]) / scale
        return VerifyResult(
            name,
            self.dtype,
            None if math.isnan(worst_error) else worst_error,
            float(allowed[worst]) / scale,
            metric,
        )


def worst_check(checks: Iterable[VerifyResult]) -> VerifyResult:
    """Return the check whose error is the largest share of its tolerance.

    A check whose `worst_error` is None (its result is not finite or has the wrong shape) counts as
    the worst.
    """
    return max(
        checks,
        key=lambda check: (
            sys.float_info.max if check.worst_error is None else check.worst_error / check.tolerance
        ),
    )
