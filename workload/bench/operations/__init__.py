"""Operations to benchmark, each of which counts its work and memory and checks its result.

This module defines the interface of the operations, and the functions that they share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from workload.bench.timing import TimingConfig
from workload.core.models.case import Kind
from workload.core.models.device import DeviceInfo
from workload.hardware import precision

SEED = 0


@dataclass(frozen=True)
class Prepared:
    """An operation whose tensors are allocated.

    `error_share` compares the result of a call with float64 on the CPU. It returns the largest
    error as a share of its tolerance. It returns None if the result is not finite, or if a result
    without a tolerance is not exact. `output` has the size of a result.
    """

    call: Callable[[], object]
    inputs: tuple[Tensor, ...]
    output: Tensor
    error_share: Callable[[], float | None]


class Operation(Protocol):
    """One operation of one shape in one dtype. For the counted work see `Case`."""

    @property
    def kind(self) -> Kind:
        """Return what the operation computes or moves."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the operation."""

    @property
    def dtype(self) -> str:
        """Return the dtype of the elements."""

    @property
    def flops(self) -> int:
        """Count the floating-point operations of one call."""

    @property
    def bytes(self) -> int:
        """Count the bytes that a call must move: each input read once, the output written once."""

    @property
    def timing_config(self) -> TimingConfig:
        """Return how to time the operation."""

    def clipped(self, edge: int) -> Self:
        """Return the operation at a size limited by `edge`, for a cheap estimate of the time."""

    def needed_bytes(self, device: DeviceInfo) -> int:
        """Return the bytes needed for the tensors, the library's copies and the check."""

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """Return why this device does not support the operation, or None."""

    def prepare(self, device: DeviceInfo) -> Prepared:
        """Allocate the tensors on the device, and fill the inputs with random numbers."""


def normal(shape: tuple[int, ...], dtype: str, device: DeviceInfo, seed: int = SEED) -> Tensor:
    """Return standard normal numbers; constants would use less power and run faster."""
    generator = torch.Generator(device=device.torch_name).manual_seed(seed)
    torch_dtype = precision.torch_dtype(dtype)
    return torch.randn(shape, generator=generator, device=device.torch_name, dtype=torch_dtype)


def unwritten(shape: tuple[int, ...], dtype: str, device: DeviceInfo) -> Tensor:
    """Return an output full of NaN, so that an element that is never written is detected."""
    torch_dtype = precision.torch_dtype(dtype)
    return torch.full(shape, torch.nan, device=device.torch_name, dtype=torch_dtype)
