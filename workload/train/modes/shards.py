"""Which rows of the batch a rank trains on, and whose losses and gradients are summed."""

from dataclasses import dataclass

import torch.distributed as dist
from torch import Tensor

from workload.core.errors import BadInputError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.train.modes.data import Data


@dataclass(frozen=True)
class Team:
    """The ranks that share a batch; this one is `rank` of `size`.

    A team that is `silent` does the same steps without communication, to time them.
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


def all_ranks() -> Team:
    """Return the team of all ranks."""
    return Team(dist.get_rank(), dist.get_world_size())


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
