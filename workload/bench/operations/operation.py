"""What every benchmarked operation offers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from workload.bench.timing import Protocol as TimingProtocol
from workload.core.cases import Kind
from workload.core.results import DeviceInfo
from workload.hardware import devices

SEED = 0


@dataclass(frozen=True)
class Prepared:
    """An operation with its tensors in place.

    `error_share` compares the result of a call with float64 on the CPU: the largest error over
    its tolerance, None where it is not finite. `output` is as large as a result.
    """

    call: Callable[[], object]
    inputs: tuple[Tensor, ...]
    output: Tensor
    error_share: Callable[[], float | None]


class Operation(Protocol):
    """One operation of one shape in one dtype; counted work, see `cases.Case`."""

    @property
    def kind(self) -> Kind:
        """What it computes or moves."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        ...

    @property
    def dtype(self) -> str:
        """The dtype of its elements."""
        ...

    @property
    def flops(self) -> int:
        """Floating-point operations of one call."""
        ...

    @property
    def bytes(self) -> int:
        """Least traffic of one call: each input read once, the output written once."""
        ...

    @property
    def protocol(self) -> TimingProtocol:
        """How it is to be timed."""
        ...

    def clipped(self, edge: int) -> Self:
        """The same with no edge above `edge`: a cheaper one to estimate from."""
        ...

    def needed_bytes(self, device: DeviceInfo) -> int:
        """Memory of its tensors, the library's copies and the check."""
        ...

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """Why this device has no such operation, or None."""
        ...

    def prepare(self, device: DeviceInfo) -> Prepared:
        """Allocate and draw its tensors on the device."""
        ...


def normal(shape: tuple[int, ...], dtype: str, device: DeviceInfo, seed: int = SEED) -> Tensor:
    """Standard normal numbers: constants draw less power and score higher."""
    where = devices.torch_device(device)
    generator = torch.Generator(device=where).manual_seed(seed)
    torch_dtype = devices.torch_dtype(dtype)
    return torch.randn(shape, generator=generator, device=where, dtype=torch_dtype)


def unwritten(shape: tuple[int, ...], dtype: str, device: DeviceInfo) -> Tensor:
    """An output full of NaN, so that an element nobody writes is found."""
    where = devices.torch_device(device)
    return torch.full(shape, torch.nan, device=where, dtype=devices.torch_dtype(dtype))


def tf32_not_applicable(dtype: str, device: DeviceInfo) -> str | None:
    """Why a product in this dtype does not exist on this device, or None."""
    return devices.tf32_problem(device) if dtype == "tf32" else None
