"""The modes for several ranks, each of which trains on its rows of the batch.

`all-reduce` adds up the gradients of the ranks. The loss is a sum over rows, so its gradient is the
sum of the gradients of the parts. The gradients of both weights and the loss are in one flat
buffer, so that a step communicates once.

`ddp` does the same step through DistributedDataParallel (DDP), which most programs use to train on
several GPUs. DDP averages gradients over the ranks while backward() computes the rest. The step
needs their sum, so each rank's loss is multiplied by the number of ranks. Every rank takes part in
every step, even with fewer rows, so DDP's `join` is not needed.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from workload.core.errors import BadInputError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.train.modes.mode import Data, Mode


@dataclass(frozen=True)
class Split:
    """The split of a batch over `size` ranks; `rank` is the rank of this process.

    If `silent` is true, the same steps run without communication, to time the computation alone.
    """

    rank: int
    size: int
    group: dist.ProcessGroup | None = None  # None: all ranks
    silent: bool = False

    def rows(self, tensor: Tensor) -> Tensor:
        """Return this rank's rows of the tensor: 3 ranks share 64 rows as 22, 21 and 21."""
        return tensor.tensor_split(self.size)[self.rank].contiguous()

    def shard(self, data: Data) -> Data:
        """Return this rank's rows of x and y, and all weights."""
        x, y, w1, w2 = data
        return self.rows(x), self.rows(y), w1, w2

    def sum(self, tensor: Tensor) -> None:
        """Sum the tensor over all ranks, in place; do nothing if `silent` is true."""
        if not self.silent:
            dist.all_reduce(tensor, group=self.group)


def over_all_ranks() -> Split:
    """Return the split over all ranks."""
    return Split(dist.get_rank(), dist.get_world_size())


class SplitLoop:
    """The base class of loops on several ranks: it has this rank's rows and the weights."""

    def __init__(
        self, spec: TrainSpec, _device: DeviceInfo, data: Data, split: Split | None = None
    ) -> None:
        """Take this rank's rows, and copy the weights."""
        self._split = split or over_all_ranks()
        self._learning_rate = spec.learning_rate
        self._x, self._y, w1, w2 = self._split.shard(data)
        self._start_from(w1, w2)

    def _start_from(self, w1: Tensor, w2: Tensor) -> None:
        """Start from a copy of these weights, (input, hidden) and (hidden, output)."""
        raise NotImplementedError


class AllReduceLoop(SplitLoop):
    """The book's step on a part of the batch; every rank makes the same update."""

    def _start_from(self, w1: Tensor, w2: Tensor) -> None:
        self._w1, self._w2 = (w.clone().requires_grad_() for w in (w1, w2))
        self._sums = w1.new_zeros(w1.numel() + w2.numel() + 1)
        # backward() adds to an existing gradient, so the gradients stay in the buffer.
        first, second, self._loss = self._sums.split((w1.numel(), w2.numel(), 1))
        self._w1.grad, self._w2.grad = first.view_as(w1), second.view_as(w2)

    def advance(self, count: int) -> Tensor:
        """See `Loop`. The losses are those of the whole batch."""
        return torch.cat([self._step() for _ in range(count)])

    def weights(self) -> tuple[Tensor, Tensor]:
        """See `Loop`."""
        return self._w1.detach(), self._w2.detach()

    def _step(self) -> Tensor:
        """Do one step; return its loss, (1,)."""
        self._sums.zero_()
        y_pred = self._x.mm(self._w1).clamp(min=0).mm(self._w2)
        loss: Tensor = (y_pred - self._y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            self._loss.copy_(loss)
            self._split.sum(self._sums)
            self._w1 -= self._learning_rate * self._w1.grad  # type: ignore[operator]  # see above
            self._w2 -= self._learning_rate * self._w2.grad  # type: ignore[operator]
        total: Tensor = self._loss.clone()
        return total


class Network(nn.Module):
    """The example network as a module."""

    def __init__(self, w1: Tensor, w2: Tensor) -> None:
        """Copy the weights."""
        super().__init__()
        self.w1, self.w2 = nn.Parameter(w1.clone()), nn.Parameter(w2.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return the predictions, (batch, output)."""
        return x.mm(self.w1).clamp(min=0).mm(self.w2)


class DdpLoop(SplitLoop):
    """The same step through DDP, with each rank's loss multiplied by the number of ranks."""

    def _start_from(self, w1: Tensor, w2: Tensor) -> None:
        self._network = Network(w1, w2)
        self._parallel = DistributedDataParallel(self._network, process_group=self._split.group)

    def advance(self, count: int) -> Tensor:
        """See `Loop`. The losses are summed over the ranks once, after the last of the steps."""
        with self._parallel.no_sync() if self._split.silent else nullcontext():
            losses = torch.stack([self._step() for _ in range(count)])
        self._split.sum(losses)
        return losses

    def weights(self) -> tuple[Tensor, Tensor]:
        """See `Loop`."""
        return self._network.w1.detach(), self._network.w2.detach()

    def _step(self) -> Tensor:
        """Do one step; return the loss of this rank's rows."""
        loss: Tensor = (self._parallel(self._x) - self._y).pow(2).sum()
        (loss * self._split.size).backward()
        with torch.no_grad():
            for weight in self._network.parameters():
                weight.sub_(self._learning_rate * weight.grad)  # type: ignore[operator]  # it is set
        self._network.zero_grad(set_to_none=False)
        return loss.detach()


def refusal(spec: TrainSpec, _device: DeviceInfo) -> BadInputError | None:
    """Return an error if there is no process group, or fewer rows than ranks; else None."""
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


LOOPS: dict[str, type[AllReduceLoop | DdpLoop]] = {"all-reduce": AllReduceLoop, "ddp": DdpLoop}
RANK_MODES = {name: Mode(name, loop, refusal) for name, loop in LOOPS.items()}
