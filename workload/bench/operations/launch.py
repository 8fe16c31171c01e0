"""The smallest operation: measure a launch, which bounds all small operations."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from workload.bench.operations.operation import Prepared, normal, unwritten
from workload.bench.timing import TimingConfig
from workload.core.methods import CUDA_EVENTS
from workload.core.models.case import Kind
from workload.core.models.device import DeviceInfo


@dataclass(frozen=True)
class Launch:
    """Negate one element, launched by the host each time."""

    kind: ClassVar[Kind] = Kind.LAUNCH
    shape: ClassVar[tuple[int, ...]] = (1,)
    dtype: ClassVar[str] = "float32"
    flops: ClassVar[int] = 0
    bytes: ClassVar[int] = 8
    # Not a graph: the launch is what is measured.
    timing_config: ClassVar[TimingConfig] = TimingConfig(CUDA_EVENTS)

    def clipped(self, _edge: int) -> "Launch":
        """Return itself: it cannot be smaller."""
        return self

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """Return the memory of two elements."""
        return self.bytes

    def not_applicable(self, _device: DeviceInfo) -> str | None:
        """Return None: every device supports it."""
        return None

    def prepare(self, device: DeviceInfo) -> Prepared:
        """Draw one number."""
        one = normal(self.shape, self.dtype, device)
        result = unwritten(self.shape, self.dtype, device)
        return Prepared(
            call=lambda: torch.neg(one, out=result),
            inputs=(one,),
            output=result,
            error_share=lambda: _error_share(one, result),
        )


def _error_share(one: Tensor, result: Tensor) -> float | None:
    """Return 0 if the result is the exact negative, else None."""
    return 0.0 if float(result) == -float(one) else None
