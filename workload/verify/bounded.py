"""Running error analysis in float64: expected results and their tolerances.

The method is that of Higham, Accuracy and Stability of Numerical Algorithms, §3.3, with a
probabilistic sum in place of the worst case: rounding errors behave like independent variables with
mean zero (see `tolerances`), so their variances are added.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from workload.core.tolerances import LAMBDA, half_subnormal, matmul_tolerance, unit_roundoff

UNIFORM = 3**-0.5  # standard deviation of an error uniform in [-1, 1], as an upper bound


@dataclass(frozen=True)
class Bounded:
    """The expected result of an operation and the tolerance of each element.

    All tensors are float64, on the CPU and of the same shape. `error` is the tolerance, and
    `deviation` the standard deviation of the error that later operations inherit.
    """

    value: Tensor
    error: Tensor
    deviation: Tensor

    def map(self, move: Callable[[Tensor], Tensor]) -> "Bounded":
        """Apply `move` to each tensor.

        It must only rearrange elements or scale them by a positive power of two, so that nothing is
        rounded.
        """
        return Bounded(move(self.value), move(self.error), move(self.deviation))


def exact(value: Tensor) -> Bounded:
    """Return `value` as an input without error: the device holds the same numbers."""
    return Bounded(value, torch.zeros_like(value), torch.zeros_like(value))


def rounded(value: Tensor, dtype: str, inherited: Tensor | float = 0.0) -> Bounded:
    """Return the expected result `value` of an element-wise operation, with its tolerance.

    `inherited` is the deviation that the errors of the operands cause.

    IEEE arithmetic rounds once, by at most u. In float64, the reference rounds in the same way, so
    a correct result equals it. In the other dtypes, the rounding of the reference is added.
    Operations in half precision are done in float32 and rounded again, so the rounding of float32
    is added too.
    """
    u = unit_roundoff("float32" if dtype == "tf32" else dtype)
    if dtype in ("bfloat16", "float16"):
        u += unit_roundoff("float32") * (1 + u)
    if dtype != "float64":
        u += unit_roundoff("float64")
    own = u * value.abs() + half_subnormal(dtype)
    return _inheriting(value, own, own * UNIFORM, inherited)


def _inheriting(
    value: Tensor, own: Tensor, own_deviation: Tensor, inherited: Tensor | float
) -> Bounded:
    deviation = (own_deviation.square() + inherited**2).sqrt()
    return Bounded(value, own + LAMBDA * inherited, deviation)


def add(left: Bounded, right: Bounded, dtype: str) -> Bounded:
    """Return left + right with its tolerance."""
    inherited = (left.deviation.square() + right.deviation.square()).sqrt()
    return rounded(left.value + right.value, dtype, inherited)


def subtract(left: Bounded, right: Bounded, dtype: str) -> Bounded:
    """Return left - right with its tolerance."""
    return add(left, Bounded(-right.value, right.error, right.deviation), dtype)


def sum_of_products(  # noqa: PLR0913  two sides, their product and its tolerance
    left: Bounded,
    right: Bounded,
    dtype: str,
    terms: int,
    multiply: Callable[[Tensor, Tensor], Tensor],
    *,
    tolerance: tuple[float, float] | None = None,
) -> Bounded:
    """Return sums of `terms` products of elements of `left` and `right`, with their tolerance.

    `tolerance` is `(u_out, kappa)`; None selects `matmul_tolerance`.

    `multiply` is bilinear: a matmul or a convolution. For squared elements, it returns the sum of
    the squared products. The root of this sum is the size of the partial sums' random walk, which
    `matmul_tolerance` estimates as `|a|_2 |b|_2 / sqrt(terms)`.
    """
    u_out, kappa = tolerance or matmul_tolerance(dtype, terms)
    value = multiply(left.value, right.value)
    walk = multiply(left.value.square(), right.value.square()).sqrt()
    inherited = (
        multiply(left.deviation.square(), right.value.square())
        + multiply(left.value.square(), right.deviation.square())
    ).sqrt()
    of_output = u_out * value.abs() + half_subnormal(dtype)
    of_sum = kappa * math.sqrt(terms) * walk
    return _inheriting(value, of_output + of_sum, of_output * UNIFORM + of_sum / LAMBDA, inherited)


def matmul(left: Bounded, right: Bounded, dtype: str) -> Bounded:
    """Return the matmul of (..., m, k) by (..., k, n) with its tolerance."""
    return sum_of_products(left, right, dtype, left.value.shape[-1], multiply_and_sum)


def multiply_and_sum(left: Tensor, right: Tensor) -> Tensor:
    """Multiply (..., m, k) by (..., k, n) as sums of element-wise products, without torch.matmul.

    This needs memory for all m·k·n products.
    """
    return (left.unsqueeze(-1) * right.unsqueeze(-3)).sum(-2)
