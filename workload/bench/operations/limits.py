"""Operations that measure a device's limits: copies in memory and over the bus, and a launch."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from workload.bench.operations import Prepared, normal, unwritten
from workload.bench.timing import TimingConfig
from workload.core.methods import CUDA_EVENTS
from workload.core.models.case import Kind
from workload.core.models.device import DeviceInfo
from workload.hardware import devices

ELEMENT_BYTES = 4
# The source is far larger than any cache: CACHES times the last-level cache, at least COPY_BYTES.
CACHES = 4
COPY_BYTES = 128 << 20
MEMORY_SHARE = 0.25
TRANSFER_BYTES = 256 << 20


@dataclass(frozen=True)
class Copy:
    """A copy of `elements` float32 numbers.

    `kind` is COPY (within the device's memory), TO_DEVICE (from pinned host memory) or TO_HOST. A
    copy within memory reads and writes that memory; a transfer crosses the bus once.
    """

    kind: Kind
    elements: int

    dtype: ClassVar[str] = "float32"
    flops: ClassVar[int] = 0
    # CUDA events time only the copy, so a CUDA graph is not needed.
    timing_config: ClassVar[TimingConfig] = TimingConfig(CUDA_EVENTS)

    @property
    def shape(self) -> tuple[int]:
        """Return (elements,)."""
        return (self.elements,)

    @property
    def bytes(self) -> int:
        """Count the bytes read and written; for a transfer, the bytes moved over the bus."""
        return ELEMENT_BYTES * self.elements * (2 if self.kind == Kind.COPY else 1)

    def clipped(self, edge: int) -> "Copy":
        """Return a copy of at most edge² elements."""
        return Copy(self.kind, min(self.elements, edge * edge))

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """Return the bytes needed for source and target."""
        return 2 * ELEMENT_BYTES * self.elements

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """Return why the device does not support the copy, or None. A CPU supports no transfers."""
        if device.kind == "cpu" and self.kind != Kind.COPY:
            return "not supported by a CPU: it has no bus to copy over"
        return None

    def prepare(self, device: DeviceInfo) -> Prepared:
        """Fill the source with random numbers and allocate the target; pin host memory."""
        source = normal(self.shape, self.dtype, device)
        target = unwritten(self.shape, self.dtype, device)
        if self.kind == Kind.TO_DEVICE:
            source = source.cpu().pin_memory()
        elif self.kind == Kind.TO_HOST:
            target = target.cpu().pin_memory()
        return Prepared(
            call=lambda: target.copy_(source, non_blocking=True),
            inputs=(source,),
            output=target,
            error_share=lambda: _copy_share(source, target, device),
        )


def _copy_share(source: Tensor, target: Tensor, device: DeviceInfo) -> float | None:
    """Return 0 if all elements are equal, else None: a copy has no tolerance."""
    devices.synchronize(device)
    return 0.0 if torch.equal(source.cpu(), target.cpu()) else None


@dataclass(frozen=True)
class Launch:
    """The negation of one element, which the host launches at each call."""

    kind: ClassVar[Kind] = Kind.LAUNCH
    shape: ClassVar[tuple[int, ...]] = (1,)
    dtype: ClassVar[str] = "float32"
    flops: ClassVar[int] = 0
    bytes: ClassVar[int] = 8
    # A CUDA graph would avoid the launch, which is to be measured.
    timing_config: ClassVar[TimingConfig] = TimingConfig(CUDA_EVENTS)

    def clipped(self, _edge: int) -> "Launch":
        """Return the operation itself, which cannot be smaller."""
        return self

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """Return the bytes of the two elements."""
        return self.bytes

    def not_applicable(self, _device: DeviceInfo) -> str | None:
        """Return None: every device supports the operation."""
        return None

    def prepare(self, device: DeviceInfo) -> Prepared:
        """Draw one random number, and allocate the result."""
        one = normal(self.shape, self.dtype, device)
        result = unwritten(self.shape, self.dtype, device)
        return Prepared(
            call=lambda: torch.neg(one, out=result),
            inputs=(one,),
            output=result,
            error_share=lambda: _negative_share(one, result),
        )


def _negative_share(one: Tensor, result: Tensor) -> float | None:
    """Return 0 if the result is the exact negative, else None."""
    return 0.0 if float(result) == -float(one) else None


def copies(device: DeviceInfo) -> list[Copy]:
    """Return a copy within memory and, for a GPU, two copies over the bus, one in each direction.

    The copy within memory is left out if memory is too small for a copy that exceeds the caches.
    This is not an error, because the user did not request the copy.
    """
    size = max(COPY_BYTES, CACHES * (device.cache_bytes or 0))
    available = devices.available_bytes(device)
    fits = available is None or 2 * size <= MEMORY_SHARE * available
    within = [Copy(Kind.COPY, size // ELEMENT_BYTES)] if fits else []
    if device.kind == "cpu":
        return within
    elements = TRANSFER_BYTES // ELEMENT_BYTES
    return [*within, Copy(Kind.TO_DEVICE, elements), Copy(Kind.TO_HOST, elements)]
