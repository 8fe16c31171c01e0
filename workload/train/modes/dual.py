"""`dual`: the same losses without a single product as long as the input.

The batch is fixed, so w1 is only ever seen through `pre = w1 xᵀ`, and its update moves that by
`-2 rate g (x xᵀ)`. With the Gram matrix `x xᵀ`, (batch, batch), computed once, a step is a few
products of the size of the batch, and `w1 = w1₀ - 2 rate (Σg) x` is rebuilt when it is asked for.
(The dual form of the perceptron, and of kernel methods since, for one hidden layer.)

It does other arithmetic than the seed, and pays where the input is longer than the batch: its
speed tells of the algorithm, not of the device. In float64 only: `pre` gathers rounding errors
that the seed's loop, which computes it anew in each step, does not. Whoever asks for the weights
has `pre` computed anew, so where checkpoints fall is part of the run.
"""

import torch
from torch import Tensor

from workload.core.errors import BadInputError
from workload.core.results import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.train.modes.data import Data
from workload.train.modes.fused import FusedLoop
from workload.train.modes.mode import Mode


class DualLoop(FusedLoop):
    """The fused step with the hidden layer followed through the Gram matrix."""

    def __init__(self, spec: TrainSpec, device: DeviceInfo, data: Data) -> None:
        """The products as long as the input, once."""
        super().__init__(spec, device, data)
        self._gram = self._x @ self._x.t()
        self._pre = self._w1 @ self._x.t()
        self._sum_g = torch.zeros_like(self._g)

    def weights(self) -> tuple[Tensor, Tensor]:
        """See `Loop`. A run resumed from these weights starts from the same `pre`."""
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
        f"mode dual needs float64, not {spec.dtype}: its sums gather rounding errors: "
        "add --dtype float64, or choose another --mode"
    )


DUAL = Mode("dual", DualLoop, _refusal, seeds_arithmetic=False)
