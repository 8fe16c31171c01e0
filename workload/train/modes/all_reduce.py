"""`all-reduce`: each rank trains on its rows of the batch, and one sum joins the gradients.

The loss is a sum over rows, so its gradient is the sum of the gradients of the parts. The gradients
of both weights and the loss lie in one flat buffer, so that a step communicates once.
"""

import torch
from torch import Tensor

from workload.train.modes.shards import SplitLoop


class AllReduceLoop(SplitLoop):
    """The book's step on a part of the batch; every rank makes the same update."""

    def _start_from(self, w1: Tensor, w2: Tensor) -> None:
        self._w1, self._w2 = (w.clone().requires_grad_() for w in (w1, w2))
        self._sums = w1.new_zeros(w1.numel() + w2.numel() + 1)
        # backward() adds to a gradient that is there.
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
