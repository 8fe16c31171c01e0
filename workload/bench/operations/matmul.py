"""Matrix products: C = A·B."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from workload.bench import result_check
from workload.bench.operations.operation import (
    SEED,
    Prepared,
    normal,
    tf32_not_applicable,
    unwritten,
)
from workload.bench.timing import BY_DEVICE, Protocol
from workload.core.cases import Kind, Shape
from workload.core.results import DeviceInfo
from workload.core.units import DTYPE_BYTES

# Writes the product of the first two matrices into the third: no allocation is timed.
Multiply = Callable[[Tensor, Tensor, Tensor], object]
Draw = Callable[[tuple[int, ...], str, DeviceInfo, int], Tensor]

# 512 and 1024 show what launches and caches cost, the largest comes close to the peak.
DEFAULT_SIZES = {"cpu": (512, 1024, 2048, 4096), "cuda": (1024, 2048, 4096, 8192)}
# Beside the matrices and the check: the library's workspace (cuBLAS takes 32 MiB on Hopper)
# and what PyTorch loads late. With a tenth on top no measured peak exceeded the sum, from
# 600 to vectors of 1e8 (CPU, torch 2.13).
EXTRA_BYTES = 128 << 20
AIR = 1.1


def multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """The product as PyTorch computes it."""
    torch.mm(a, b, out=out)


@dataclass(frozen=True)
class MatMul:
    """The product of an (m, k) by a (k, n) matrix; tests replace `multiply` and `draw`."""

    size: Shape
    dtype: str
    protocol: Protocol = BY_DEVICE
    multiply: Multiply = multiply
    draw: Draw = normal

    kind: ClassVar[Kind] = Kind.MATMUL

    @property
    def shape(self) -> tuple[int, int, int]:
        """(m, k, n)."""
        return self.size.m, self.size.k, self.size.n

    @property
    def flops(self) -> int:
        """2·m·k·n."""
        return self.size.flops

    @property
    def bytes(self) -> int:
        """Both inputs and the result."""
        return DTYPE_BYTES[self.dtype] * self.size.elements

    def clipped(self, edge: int) -> "MatMul":
        """No edge above `edge`."""
        size = Shape(*(min(length, edge) for length in self.shape))
        return MatMul(size, self.dtype, self.protocol, self.multiply, self.draw)

    def needed_bytes(self, device: DeviceInfo) -> int:
        """The three matrices, the library's copies and the check.

        CPU libraries repack both inputs of 16-bit products, at worst into float32.
        """
        m, k, n = self.shape
        element_bytes = DTYPE_BYTES[self.dtype]
        half = element_bytes == 2  # noqa: PLR2004  bytes of a 16-bit element
        repacked = 4 * (m * k + k * n) if device.kind == "cpu" and half else 0
        check = result_check.needed_bytes(self.size, element_bytes)
        return round(AIR * (self.bytes + repacked + check)) + EXTRA_BYTES

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """TF32 where there is none."""
        return tf32_not_applicable(self.dtype, device)

    def prepare(self, device: DeviceInfo) -> Prepared:
        """Two normal random matrices and room for their product."""
        m, k, n = self.shape
        a = self.draw((m, k), self.dtype, device, SEED)
        b = self.draw((k, n), self.dtype, device, SEED + 1)
        c = unwritten((m, n), self.dtype, device)
        return Prepared(
            call=lambda: self.multiply(a, b, c),
            inputs=(a, b),
            output=c,
            error_share=lambda: result_check.worst_ratio(a, b, c, self.dtype),
        )


def squares(*edges: int) -> list[Shape]:
    """Square products."""
    return [Shape(edge, edge, edge) for edge in edges]
