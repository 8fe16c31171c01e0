"""Matmuls: C = A·B."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from workload.bench import result_check
from workload.bench.operations import (
    SEED,
    Prepared,
    normal,
    unwritten,
)
from workload.bench.timing import BY_DEVICE, TimingConfig
from workload.core.models.case import Kind
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.core.units import DTYPE_BYTES
from workload.hardware import precision

# Writes the product of the first two matrices into the third, so that no allocation is timed.
Multiply = Callable[[Tensor, Tensor, Tensor], object]
Draw = Callable[[tuple[int, ...], str, DeviceInfo, int], Tensor]

# 512 and 1024 show the cost of launches and caches; the largest size comes close to the peak.
DEFAULT_SIZES = {"cpu": (512, 1024, 2048), "cuda": (1024, 2048, 4096, 8192)}
# Memory besides the matrices and the check: the library's workspace (cuBLAS takes 32 MiB on
# Hopper), and what PyTorch loads on first use. With SAFETY_FACTOR, no measured peak exceeded the
# sum, from matrices with an edge of 600 to vectors of length 1e8 (CPU, torch 2.13).
EXTRA_BYTES = 128 << 20
SAFETY_FACTOR = 1.1


def multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Multiply with `torch.mm`."""
    torch.mm(a, b, out=out)


@dataclass(frozen=True)
class MatMul:
    """The product of an (m, k) by a (k, n) matrix; tests replace `multiply` and `draw`."""

    size: Shape
    dtype: str
    timing_config: TimingConfig = BY_DEVICE
    multiply: Multiply = multiply
    draw: Draw = normal

    kind: ClassVar[Kind] = Kind.MATMUL

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (m, k, n)."""
        return self.size.m, self.size.k, self.size.n

    @property
    def flops(self) -> int:
        """Return 2·m·k·n."""
        return self.size.flops

    @property
    def bytes(self) -> int:
        """Count the bytes of both inputs and the result."""
        return DTYPE_BYTES[self.dtype] * self.size.elements

    def clipped(self, edge: int) -> "MatMul":
        """Return the same matmul with no edge above `edge`."""
        size = Shape(*(min(length, edge) for length in self.shape))
        return MatMul(size, self.dtype, self.timing_config, self.multiply, self.draw)

    def needed_bytes(self, device: DeviceInfo) -> int:
        """Return the bytes needed for the three matrices, the library's copies and the check.

        CPU libraries repack both inputs of 16-bit matmuls, at worst into float32.
        """
        m, k, n = self.shape
        element_bytes = DTYPE_BYTES[self.dtype]
        half = element_bytes == 2  # noqa: PLR2004  bytes of a 16-bit element
        repacked = 4 * (m * k + k * n) if device.kind == "cpu" and half else 0
        check = result_check.needed_bytes(self.size, element_bytes)
        return round(SAFETY_FACTOR * (self.bytes + repacked + check)) + EXTRA_BYTES

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """Return why the device does not support the dtype, or None.

        Only TF32 may be unsupported.
        """
        return precision.dtype_problem(self.dtype, device)

    def prepare(self, device: DeviceInfo) -> Prepared:
        """Draw two normal random matrices, and allocate their product."""
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
    """Return the shape of a product of two square matrices for each edge."""
    return [Shape(edge, edge, edge) for edge in edges]
