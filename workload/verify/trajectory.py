"""The losses of the chapter's training loop, step by step, on a small network like `book`.

What to expect, how far off a loss may be, and on which data no ReLU hangs on rounding, is in
`modes.reference`; a mode is checked in the same way before it is timed.

Left out: tf32, whose rounding decides some ReLU in nearly every step, and half precision, where
the losses of `book` overflow float16.
"""

from collections.abc import Iterator

from workload.core.results import Check
from workload.train.modes.check import clear_error, clear_tolerance
from workload.train.modes.eager import EAGER
from workload.train.modes.reference import CLEAR_SPEC
from workload.verify.case import Case

DTYPES = ("float64", "float32")
METRIC = "error of sqrt(loss) / sqrt(first loss)"


def checks(case: Case) -> Iterator[Check]:
    """The losses of CLEAR_SPEC at the worst step."""
    error = clear_error(EAGER, case.device, case.dtype, case.seed)
    tolerance = clear_tolerance(EAGER, case.dtype)
    name = f"training loss, {CLEAR_SPEC.steps} steps"
    yield Check(name, case.dtype, error, tolerance, METRIC)
