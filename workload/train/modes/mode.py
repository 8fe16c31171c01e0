"""A mode: one way to do the steps of the example network, and the data that all start from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from workload.core.errors import WorkloadError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.hardware import precision

Data = tuple[Tensor, Tensor, Tensor, Tensor]  # x, y, w1 and w2, of the shapes that `draw` gives


def draw(spec: TrainSpec, where: str = "cpu") -> Data:
    """Draw x, y, w1 and w2 in that order from one seeded generator, and copy them to `where`.

    Shapes (batch, input), (batch, output), (input, hidden), (hidden, output). The
    CPU draws for every device, so that all start from the same numbers.
    """
    generator = torch.Generator().manual_seed(spec.seed)
    dtype = precision.torch_dtype(spec.dtype)
    x, y, w1, w2 = (
        torch.randn(shape, generator=generator, dtype=dtype).to(where)
        for shape in (
            (spec.batch_size, spec.input_size),
            (spec.batch_size, spec.output_size),
            spec.w1_shape,
            spec.w2_shape,
        )
    )
    return x, y, w1, w2


class Loop(Protocol):
    """A training in progress. Its numbers stay on the device until they are read."""

    def advance(self, count: int) -> Tensor:
        """Do `count` steps; return their losses (count,), each before its step's update."""

    def weights(self) -> tuple[Tensor, Tensor]:
        """Return w1 (input, hidden) and w2 (hidden, output), valid until the next step."""


def supported_everywhere(_spec: TrainSpec, _device: DeviceInfo) -> None:
    """Refuse nothing: the mode works for every training on every device."""


@dataclass(frozen=True)
class Mode:
    """A name and how to start: `start` makes a loop of data on the device, and copies the weights.

    `refusal` returns the error, in one line, that says why the mode does not support this training
    on this device, or None. Without `same_arithmetic` the mode computes the same losses by other
    operations than `eager`, so its speed does not show how fast the device does those of `eager`.
    """

    name: str
    start: Callable[[TrainSpec, DeviceInfo, Data], Loop]
    refusal: Callable[[TrainSpec, DeviceInfo], WorkloadError | None] = supported_everywhere
    same_arithmetic: bool = True
