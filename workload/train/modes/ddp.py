"""`ddp`: the same step through DistributedDataParallel, as most programs train on several GPUs.

It averages the gradients of the ranks while backward() computes others. The gradient wanted is the
sum, so each rank's loss is multiplied by their number. Every rank takes part in every step, also
with fewer rows, so its `join` is not needed.
"""

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from workload.train.modes.shards import SplitLoop


class Network(nn.Module):
    """The example network as a module."""

    def __init__(self, w1: Tensor, w2: Tensor) -> None:
        """Copy the weights."""
        super().__init__()
        self.w1, self.w2 = nn.Parameter(w1.clone()), nn.Parameter(w2.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Predict, (batch, output)."""
        return x.mm(self.w1).clamp(min=0).mm(self.w2)


class DdpLoop(SplitLoop):
    """Local loss times the number of ranks, averaged by DDP."""

    def _start_from(self, w1: Tensor, w2: Tensor) -> None:
        self._network = Network(w1, w2)
        self._parallel = DistributedDataParallel(self._network, process_group=self._split.group)

    def advance(self, count: int) -> Tensor:
        """See `Loop`. The losses are those of the whole batch, summed once for all steps."""
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
