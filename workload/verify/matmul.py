"""Check torch.matmul on vectors, matrices and batches, and its difference from `*`.

The tolerance of an element comes from `tolerances.matmul_tolerance`. Relative to a typical element,
the tolerance grows with the square root of the number of products summed.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from workload.core.models.verify import VerifyResult
from workload.verify import bounded
from workload.verify.bounded import Bounded, exact, matmul
from workload.verify.case import VerifyCase

K = 512  # products summed for one element
SHAPES: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = (
    ("matmul, vectors", (K,), (K,)),
    ("matmul, matrix and vector", (67, K), (K,)),
    ("matmul, matrices", (67, K), (K, 45)),
    ("matmul, tensors", (3, 16, K), (3, K, 21)),
)
SQUARE = 64


def checks(case: VerifyCase) -> Iterator[VerifyResult]:
    """Check each pair of operand shapes, then that matmul and `*` differ as expected."""
    for name, left_shape, right_shape in SHAPES:
        left, right = case.draw(*left_shape), case.draw(*right_shape)
        result = torch.matmul(case.place(left), case.place(right))
        yield case.judge(name, result, _expected(left, right, case.dtype))
    yield _two_products(case)


def _expected(left: Tensor, right: Tensor, dtype: str) -> Bounded:
    """Multiply `left` by `right`, of any number of dimensions, and return the expected result.

    A vector is a row on the left and a column on the right.
    """
    rows = left.unsqueeze(0) if left.dim() == 1 else left
    columns = right.unsqueeze(1) if right.dim() == 1 else right
    whole = matmul(exact(rows), exact(columns), dtype)
    shape = rows.shape[:-1] if left.dim() > 1 else rows.shape[:-2]
    shape += columns.shape[-1:] if right.dim() > 1 else ()
    return whole.map(lambda elements: elements.reshape(shape))


def _two_products(case: VerifyCase) -> VerifyResult:
    """Check that `a * b` and `torch.matmul(a, b)` differ by as much as their references do.

    By the triangle inequality, the two distances differ by at most the sum of the errors' norms.
    """
    a, b = case.draw(SQUARE, SQUARE), case.draw(SQUARE, SQUARE)
    on_device = case.place(a), case.place(b)
    distance = _distance(torch.matmul(*on_device), on_device[0] * on_device[1])
    product = matmul(exact(a), exact(b), case.dtype)
    elementwise = bounded.rounded(a * b, case.dtype)
    expected = _distance(product.value, elementwise.value)
    allowed = float(product.error.norm() + elementwise.error.norm())
    error = abs(distance - expected) / expected if math.isfinite(distance) else None
    return VerifyResult(
        "matmul is not a * b", case.dtype, error, allowed / expected, "relative distance"
    )


def _distance(left: Tensor, right: Tensor) -> float:
    return float((left.cpu().double() - right.cpu().double()).norm())
