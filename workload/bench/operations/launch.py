"""The smallest operation there is: what one launch costs, and so what bounds small work."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from workload.bench.operations.operation import Prepared, normal, unwritten
from workload.bench.timing import Protocol
from workload.core.cases import CUDA_EVENTS, Kind
from workload.core.results import DeviceInfo


@dataclass(frozen=True)
class Launch:
    """The negation of one element, launched by the host each time."""

    kind: ClassVar[Kind] = Kind.LAUNCH
    shape: ClassVar[tuple[int, ...]] = (1,)
    dtype: ClassVar[str] = "float32"
    flops: ClassVar[int] = 0
    bytes: ClassVar[int] = 8
    # Not a graph: the launch is what is measured.
    protocol: ClassVar[Protocol] = Protocol(CUDA_EVENTS)

    def clipped(self, _edge: int) -> "Launch":
        """It is as small as can be."""
        return self

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """Two elements."""
        return self.bytes

    def not_applicable(self, _device: DeviceInfo) -> str | None:
        """Every device has it."""
        return None

    def prepare(self, device: DeviceInfo) -> Prepared:
        """One number."""
        one = normal(self.shape, self.dtype, device)
        result = unwritten(self.shape, self.dtype, device)
        return Prepared(
            call=lambda: torch.neg(one, out=result),
            inputs=(one,),
            output=result,
            error_share=lambda: _error_share(one, result),
        )


def _error_share(one: Tensor, result: Tensor) -> float | None:
    """A change of sign is exact."""
    return 0.0 if float(result) == -float(one) else None
