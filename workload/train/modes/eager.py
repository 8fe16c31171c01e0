"""`eager`: the book's loop, line for line (see "The book's chapter" in README.md)."""

import torch
from torch import Tensor

from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.train.modes.mode import Data, Mode


def eager_step(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, learning_rate: float) -> Tensor:
    """Do one step as in the book's example; return the loss before the update."""
    y_pred = x.mm(w1).clamp(min=0).mm(w2)
    loss = (y_pred - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        w1 -= learning_rate * w1.grad  # type: ignore[operator]  # backward() has set it
        w2 -= learning_rate * w2.grad  # type: ignore[operator]
        w1.grad.zero_()  # type: ignore[union-attr]
        w2.grad.zero_()  # type: ignore[union-attr]
    return loss.detach()


class EagerLoop:
    """The book's loop, with autograd and gradient buffers that are zeroed after each step."""

    def __init__(self, spec: TrainSpec, _device: DeviceInfo, data: Data) -> None:
        """Copy the weights."""
        self._learning_rate = spec.learning_rate
        self._x, self._y, w1, w2 = data
        self._w1, self._w2 = (w.clone().requires_grad_() for w in (w1, w2))

    def advance(self, count: int) -> Tensor:
        """See `Loop`."""
        losses = [
            eager_step(self._x, self._y, self._w1, self._w2, self._learning_rate)
            for _ in range(count)
        ]
        return torch.stack(losses)

    def weights(self) -> tuple[Tensor, Tensor]:
        """See `Loop`."""
        return self._w1.detach(), self._w2.detach()


EAGER = Mode("eager", EagerLoop)
