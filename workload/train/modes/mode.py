"""What a mode is: one way to do the chapter's steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from workload.core.errors import WorkloadError
from workload.core.results import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.train.modes.data import Data


class Loop(Protocol):
    """A training in progress. Its numbers stay on the device until somebody reads them."""

    def advance(self, count: int) -> Tensor:
        """Do `count` steps; their losses (count,), each before its step's update."""

    def weights(self) -> tuple[Tensor, Tensor]:
        """w1 (input, hidden) and w2 (hidden, output) as of now, good until the next step."""


def never(_spec: TrainSpec, _device: DeviceInfo) -> None:
    """The refusal of a mode that works everywhere."""


@dataclass(frozen=True)
class Mode:
    """`start` makes a loop of data on the device, whose weights it copies.

    `refusal` gives the error, one line, that says why this training cannot have the mode on
    this device, or None. Not `seeds_arithmetic`: the same function of the same data by other
    operations, which says nothing about how fast the device does the seed's.
    """

    name: str
    start: Callable[[TrainSpec, DeviceInfo, Data], Loop]
    refusal: Callable[[TrainSpec, DeviceInfo], WorkloadError | None] = never
    seeds_arithmetic: bool = True
