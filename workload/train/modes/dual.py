"""`dual`: the same losses, with no matmul over the input dimension in a step.

The batch is fixed, so w1 is only used in `pre = w1 xᵀ`. The update of w1 changes `pre` by
`-2 rate g (x xᵀ)`. The Gram matrix `x xᵀ`, (batch, batch), is computed once. A step is then a few
small matmuls, and `w1 = w1₀ - 2 rate (Σg) x` is computed only when it is read.
(This is the dual form of the perceptron, as in kernel methods, for one hidden layer.)

The arithmetic is not that of `eager`. The mode is faster if the input size exceeds the batch size,
so its speed describes the algorithm, not the device. It needs float64: `pre` accumulates rounding
errors, while `eager` computes `pre` again in each step. Reading the weights also computes `pre`
again, so the rounding errors depend on the steps at which checkpoints are saved.
"""

import torch
from torch import Tensor

from workload.core.errors import BadInputError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.train.modes.fused import FusedLoop
from workload.train.modes.mode import Data, Mode


class DualLoop(FusedLoop):
    """The fused step, with the hidden layer updated through the Gram matrix."""

    def __init__(self, spec: TrainSpec, device: DeviceInfo, data: Data) -> None:
        """Do the matmuls over the input dimension once."""
        super().__init__(spec, device, data)
        self._gram = self._x @ self._x.t()
        self._pre = self._w1 @ self._x.t()
        self._sum_g = torch.zeros_like(self._g)

    def weights(self) -> tuple[Tensor, Tensor]:
        """See `Loop`. Also compute `pre` again, as a run resumed from these weights does."""
        self._w1.addmm_(self._sum_g, self._x, alpha=self._rate)
        torch.mm(self._w1, self._x.t(), out=self._pre)
        self._sum_g.zero_()
        return super().weights()

    def _hidden(self) -> Tensor:
        return torch.clamp(self._pre, min=0, out=self._h)

    def _update(self, g: Tensor) -> None:
        self._pre.addmm_(g, self._gram, alpha=self._rate)
        self._sum_g.add_(g)


def _refusal(spec: TrainSpec, _device: DeviceInfo) -> BadInputError | None:
    if spec.dtype == "float64":
        return None
    return BadInputError(
        f"mode dual needs float64, not {spec.dtype}, because it accumulates rounding errors: "
        "add --dtype float64, or choose another --mode"
    )


DUAL = Mode("dual", DualLoop, _refusal, same_arithmetic=False)
