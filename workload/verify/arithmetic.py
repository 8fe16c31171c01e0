"""Element-wise arithmetic: + - * / and torch.add, sub, mul and div.

IEEE 754 requires correct rounding of all four operations, so the tolerance is one unit roundoff of
the exact result (see `bounded.rounded`). Operator and function must agree bit for bit.
"""

import operator
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from workload.core.models.verify import RELATIVE, VerifyResult
from workload.verify import bounded
from workload.verify.case import VerifyCase, worst_check

# A scalar, a vector, a matrix and a tensor; large enough for vector units, with odd remainders.
SHAPES: tuple[tuple[int, ...], ...] = ((), (1003,), (67, 45), (3, 5, 7, 11))
SMALLEST_DIVISOR = 0.5  # so that quotients stay small enough for float16

Operation = Callable[[Tensor, Tensor], Tensor]


def operations() -> tuple[tuple[str, Operation, Operation], ...]:
    """Return each operation's name, operator and function.

    The functions are looked up at each call, so that a test can replace them.
    """
    return (
        ("a + b", operator.add, torch.add),
        ("a - b", operator.sub, torch.sub),
        ("a * b", operator.mul, torch.mul),
        ("a / b", operator.truediv, torch.div),
    )


def checks(case: VerifyCase) -> Iterator[VerifyResult]:
    """Check each operation, and that operators and functions agree."""
    operands = [_operands(case, shape) for shape in SHAPES]
    disagreement = 0.0
    for name, symbol, function in operations():
        found = []
        for left, right in operands:
            expected = bounded.rounded(symbol(left, right), case.dtype)
            on_device = case.place(left), case.place(right)
            by_symbol, by_function = symbol(*on_device), function(*on_device)
            found += [
                case.judge(name, result, expected, RELATIVE) for result in (by_symbol, by_function)
            ]
            difference = (by_symbol.double() - by_function.double()).abs().max()
            disagreement = max(disagreement, float(difference))
        yield worst_check(found)
    yield VerifyResult("operator = function", case.dtype, disagreement, 0.0, "absolute difference")


def _operands(case: VerifyCase, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    left, right = case.draw(*shape), case.draw(*shape)
    return left, case.round(right + SMALLEST_DIVISOR * torch.where(right < 0, -1.0, 1.0))
