"""`fused`: the step of `eager` with gradients derived by hand and updates folded into matmuls.

With everything transposed, as `torch.nn.Linear` keeps its weights, a step is

    h = max(0, w1 xᵀ)    r = w2 h - yᵀ    loss = |r|²
    g = w2ᵀ r where h > 0, else 0       (half the gradient with respect to w1 xᵀ)
    w2 -= 2 rate r hᵀ                   (after g, which is computed from the old w2)
    w1 -= 2 rate g x

The mode uses no autograd and no gradient buffers, and zeroes nothing. All its buffers are allocated
once. On a CPU, two matmuls take nearly all the time: w1 xᵀ and g x.
"""

import torch
from torch import Tensor

from workload.core.models.device import DeviceInfo
from workload.core.train_spec import BLOCK_STEPS, TrainSpec
from workload.train.modes.mode import Data, Loop, Mode

# The gradient of ReLU in one pass and in place; the public API has no function for it.
relu_gradient = torch.ops.aten.threshold_backward.grad_input


class FusedLoop:
    """The step that this module describes, with PyTorch's default matmuls."""

    def __init__(self, spec: TrainSpec, _device: DeviceInfo, data: Data) -> None:
        """Copy the weights, transposed."""
        x, y, w1, w2 = data
        self._rate = -2 * spec.learning_rate
        self._x = x  # (batch, input)
        self._y = y.t().contiguous()  # (output, batch)
        self._w1, self._w2 = (w.t().clone(memory_format=torch.contiguous_format) for w in (w1, w2))
        self._residuals = x.new_empty(BLOCK_STEPS, spec.output_size, spec.batch_size)
        self._h, self._g = (x.new_empty(spec.hidden_size, spec.batch_size) for _ in range(2))

    def advance(self, count: int) -> Tensor:
        """See `Loop`."""
        starts = range(0, count, BLOCK_STEPS)
        return torch.cat([self._block(min(BLOCK_STEPS, count - start)) for start in starts])

    def weights(self) -> tuple[Tensor, Tensor]:
        """See `Loop`."""
        return self._w1.t(), self._w2.t()

    def _block(self, steps: int) -> Tensor:
        """Do at most BLOCK_STEPS steps; return their losses, (steps,).

        The whole buffer is always summed, so rounding does not depend on how steps are grouped.
        """
        for r in self._residuals[:steps].unbind():
            self._step(r)
        return self._residuals.square().sum((1, 2))[:steps]

    def _step(self, r: Tensor) -> None:
        """Do one step; write its residuals (output, batch) to `r`."""
        h, g = self._hidden(), self._g
        torch.addmm(self._y, self._w2, h, beta=-1, out=r)
        torch.mm(self._w2.t(), r, out=g)
        relu_gradient(g, h, 0, grad_input=g)
        self._w2.addmm_(r, h.t(), alpha=self._rate)
        self._update(g)

    def _hidden(self) -> Tensor:
        """Compute the hidden layer, (hidden, batch)."""
        return torch.mm(self._w1, self._x.t(), out=self._h).clamp_(min=0)

    def _update(self, g: Tensor) -> None:
        """Update w1. Half of its gradient is `g` (hidden, batch) times x."""
        self._w1.addmm_(g, self._x, alpha=self._rate)


class OneDnnLoop(FusedLoop):
    """The same step, with oneDNN instead of MKL for the two large matmuls.

    MKL uses AVX-512 only on Intel CPUs. On two cores of an AMD Zen 5, oneDNN takes half the time
    (the two matmuls of `wide`: 334 µs instead of 754 µs, and 308 µs instead of 687 µs). The update
    of w1 then needs a separate pass, which takes less time than oneDNN saves. PyTorch offers
    oneDNN's float32 matmul only as the operator that `torch.compile` generates.
    """

    def _hidden(self) -> Tensor:
        return _onednn_product(self._w1, self._x, "relu")

    def _update(self, g: Tensor) -> None:
        self._w1.add_(_onednn_product(g, self._x.t(), "none"), alpha=self._rate)


def _onednn_product(a: Tensor, b: Tensor, activation: str) -> Tensor:
    """Return `activation(a bᵀ)`, (m, n), for `a` of shape (m, k) and `b` of shape (n, k)."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(a, b, None, activation, [], "")
    return product


def _onednn_is_faster(spec: TrainSpec, device: DeviceInfo) -> bool:
    """Return whether oneDNN is expected to be faster.

    No time is measured, so that a resumed run makes the same choice.
    """
    return (
        device.kind == "cpu"
        and spec.dtype == "float32"
        and "Intel" not in device.name
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _start(spec: TrainSpec, device: DeviceInfo, data: Data) -> Loop:
    loop = OneDnnLoop if _onednn_is_faster(spec, device) else FusedLoop
    return loop(spec, device, data)


FUSED = Mode("fused", _start)
