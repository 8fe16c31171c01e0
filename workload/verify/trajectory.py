"""Check the losses of the example training loop, step by step, on a network smaller than `book`.

`modes.reference` has the expected losses, their tolerance, and data for which rounding flips no
ReLU. A training mode is checked in the same way before it is timed.

Not covered: tf32, whose rounding flips a ReLU in nearly every step, and half precision,
because the losses of `book` overflow float16.
"""

from collections.abc import Iterator

from workload.core.models.verify import VerifyResult
from workload.train.modes.check import clear_error, clear_tolerance
from workload.train.modes.eager import EAGER
from workload.train.modes.reference import CLEAR_SPEC
from workload.verify.case import VerifyCase

DTYPES = ("float64", "float32")
METRIC = "error of sqrt(loss) / sqrt(first loss)"


def checks(case: VerifyCase) -> Iterator[VerifyResult]:
    """Check the losses of CLEAR_SPEC; yield the largest error of all steps."""
    error = clear_error(EAGER, case.device, case.dtype, case.seed)
    tolerance = clear_tolerance(EAGER, case.dtype)
    name = f"training loss, {CLEAR_SPEC.steps} steps"
    yield VerifyResult(name, case.dtype, error, tolerance, METRIC)
