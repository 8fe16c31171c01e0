"""Slow one matmul down on purpose, to prove that a slower case is noticed."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workload.bench.operations import Operation
from workload.bench.operations.matmul import MatMul, Multiply
from workload.core.models.case import Kind
from workload.core.shape import Shape


@dataclass(frozen=True)
class Slowdown:
    """The case `name`, as in `matmul 1024 float32`, does `factor` times its work."""

    name: str
    factor: float

    def applied(self, operation: Operation) -> Operation:
        """Return the operation, slower if it is the named one."""
        if not isinstance(operation, MatMul) or product_name(operation) != self.name:
            return operation
        return replace(operation, multiply=doing_more(operation.multiply, self.factor))


def product_name(product: MatMul) -> str:
    """The name of its case."""
    return f"{Kind.MATMUL} {Shape(*product.shape)} {product.dtype}"


def doing_more(multiply: Multiply, factor: float) -> Multiply:
    """Compute the whole matmul, then its first rows again: real work on any device."""

    def multiply_more(a: Tensor, b: Tensor, out: Tensor) -> None:
        multiply(a, b, out)
        rows = round((factor - 1) * len(a))
        torch.mm(a[:rows], b, out=out[:rows])

    return multiply_more


def parse_slowdown(text: str) -> Slowdown:
    """`matmul 1024 float32=1.2`. Raises ValueError for anything else, and for factors beyond 2."""
    name, _, factor = text.rpartition("=")
    if not name.startswith(f"{Kind.MATMUL} ") or not 1 < float(factor) <= 2:
        raise ValueError(f"not `matmul SIZE DTYPE=FACTOR` with a factor from 1 to 2: {text!r}")
    return Slowdown(name, float(factor))
