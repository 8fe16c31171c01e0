"""The results of `verify`."""

from typing import Annotated

from msgspec import Meta

from workload.core.models.model import Amount, Dtype, Model, derive

RELATIVE = "error / exact result"  # the metric of + - * /, whose only error is one rounding


class VerifyResult(Model, frozen=True):
    """One comparison with float64 on the CPU.

    `worst_error` is the largest error found, and `tolerance` is the largest error allowed. Both are
    in the unit that `metric` names. `worst_error` is None if the result is not finite.
    """

    name: str
    dtype: Dtype
    worst_error: Amount | None
    tolerance: Annotated[float, Meta(ge=0)]
    metric: str
    ok: bool = False  # derived: whether the error is known and within the tolerance

    def __post_init__(self) -> None:
        """Derive `ok`."""
        derive(self, ok=self.worst_error is not None and self.worst_error <= self.tolerance)
