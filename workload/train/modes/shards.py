"""Which rows of the batch a rank trains on, and whose losses and gradients are summed."""

from dataclasses import dataclass

import torch.distributed as dist
from torch import Tensor

from workload.core.errors import BadInputError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.train.modes.mode import Data


@dataclass(frozen=True)
class Split:
    """How a batch is split over ranks; this one is `rank` of `size`.

    One that is `silent` does the same steps without communication, to time them.
    """

    rank: int
    size: int
    group: dist.ProcessGroup | None = None  # None: of all ranks
    silent: bool = False

    def rows(self, tensor: Tensor) -> Tensor:
        """Return this rank's part of the first dimension: of 64 rows on three 22, 21 and 21."""
        return tensor.tensor_split(self.size)[self.rank].contiguous()

    def shard(self, data: Data) -> Data:
        """Return this rank's rows of x and y, and all weights."""
        x, y, w1, w2 = data
        return self.rows(x), self.rows(y), w1, w2

    def sum(self, tensor: Tensor) -> None:
        """Sum the tensor over all ranks, in place."""
        if not self.silent:
            dist.all_reduce(tensor, group=self.group)


def over_all_ranks() -> Split:
    """Return the split over all ranks."""
    return Split(dist.get_rank(), dist.get_world_size())


class SplitLoop:
    """What loops on several ranks have in common: this rank's rows, and the weights."""

    def __init__(
        self, spec: TrainSpec, _device: DeviceInfo, data: Data, split: Split | None = None
    ) -> None:
        """Take this rank's rows, and copy the weights."""
        self._split = split or over_all_ranks()
        self._learning_rate = spec.learning_rate
        self._x, self._y, w1, w2 = self._split.shard(data)
        self._start_from(w1, w2)

    def _start_from(self, w1: Tensor, w2: Tensor) -> None:
        """Start with these weights, (D, H) and (H, O), which belong to the loop."""
        raise NotImplementedError


def refusal(spec: TrainSpec, _device: DeviceInfo) -> BadInputError | None:
    """Refuse to train alone, and on more ranks than there are rows."""
    if not dist.is_initialized():
        return BadInputError(
            "this mode is for several ranks: add --ranks N, start it with torchrun, or choose "
            "another --mode"
        )
    if spec.batch_size < dist.get_world_size():
        return BadInputError(
            f"{dist.get_world_size()} ranks cannot share {spec.batch_size} rows: start fewer "
            "ranks, or choose a larger --batch-size"
        )
    return None
