"""The interface of a mode, and the data from which all modes start."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from workload.core.errors import WorkloadError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.hardware import precision

Data = tuple[Tensor, Tensor, Tensor, Tensor]  # x, y, w1 and w2, with the shapes that `draw` returns


def draw(spec: TrainSpec, where: str = "cpu") -> Data:
    """Draw x, y, w1 and w2 in that order from one seeded generator, and copy them to `where`.

    The shapes are (batch, input), (batch, output), (input, hidden) and (hidden, output). The
    numbers are drawn on the CPU, so that all devices start from the same numbers.
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
    """A training run in progress. Its numbers stay on the device until they are read."""

    def advance(self, count: int) -> Tensor:
        """Do `count` steps; return their losses, (count,), each computed before the update."""

    def weights(self) -> tuple[Tensor, Tensor]:
        """Return w1 (input, hidden) and w2 (hidden, output), valid until the next step."""


def supported_everywhere(_spec: TrainSpec, _device: DeviceInfo) -> None:
    """Return None: the mode supports every training run on every device."""


@dataclass(frozen=True)
class Mode:
    """One way to do the steps of the example network.

    `start` returns a loop on data that is on the device; the loop copies the weights. `refusal`
    returns None if the mode supports this training run on this device. Otherwise, it returns an
    error that gives the reason in one line. If `same_arithmetic` is false, the mode computes the
    same losses with other operations than `eager`, so its speed does not show how fast the device
    is with `eager`.
    """

    name: str
    start: Callable[[TrainSpec, DeviceInfo, Data], Loop]
    refusal: Callable[[TrainSpec, DeviceInfo], WorkloadError | None] = supported_everywhere
    same_arithmetic: bool = True
