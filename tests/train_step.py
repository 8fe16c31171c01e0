"""One step of the chapter's loop as a benchmarked operation."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from workload import devices
from workload.cases import CUDA_EVENTS, Kind
from workload.operations import Prepared
from workload.results import DeviceInfo
from workload.timing import Protocol
from workload.tolerances import LAMBDA, unit_roundoff
from workload.train import draw, eager_step
from workload.train_spec import TrainSpec
from workload.units import DTYPE_BYTES

# Steps whose losses are compared with float64 before anything is timed: the second follows an
# update. Later ones show rounding that decided a ReLU, which is no fault.
CHECKED_STEPS = 2


@dataclass(frozen=True)
class TrainStep:
    """A step of the loop on fixed data; the weights move on from call to call."""

    spec: TrainSpec

    kind: ClassVar[Kind] = Kind.TRAIN
    # Not a graph: what the loop costs with its launches is what is measured.
    protocol: ClassVar[Protocol] = Protocol(CUDA_EVENTS)

    @property
    def dtype(self) -> str:
        """Of all tensors."""
        return self.spec.dtype

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, input, hidden, output)."""
        spec = self.spec
        return spec.batch_size, spec.input_size, spec.hidden_size, spec.output_size

    @property
    def flops(self) -> int:
        """Of the five products: two with x, three with w2 and the residuals."""
        batch, inputs, hidden, outputs = self.shape
        return 2 * batch * hidden * (2 * inputs + 3 * outputs)

    @property
    def bytes(self) -> int:
        """x and y read, both weights read and written."""
        batch, inputs, hidden, outputs = self.shape
        elements = batch * (inputs + outputs) + 2 * hidden * (inputs + outputs)
        return DTYPE_BYTES[self.dtype] * elements

    def clipped(self, edge: int) -> "TrainStep":
        """With at most so many inputs."""
        return TrainStep(replace(self.spec, input_size=min(self.spec.input_size, edge)))

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """As the loop counts it, and the check in float64."""
        return 3 * self.spec.needed_bytes

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """TF32 where there is none."""
        return devices.tf32_problem(device) if self.dtype == "tf32" else None

    def prepare(self, device: DeviceInfo) -> Prepared:
        """The loop's seeded data and weights on the device."""
        drawn = draw(self.spec, devices.torch_dtype(self.dtype))
        x, y, w1, w2 = (tensor.to(devices.torch_device(device), copy=True) for tensor in drawn)
        w1, w2 = w1.requires_grad_(), w2.requires_grad_()
        losses: list[Tensor] = []

        def call() -> None:
            losses[:] = [*losses[: CHECKED_STEPS - 1], self._step(x, y, w1, w2)]

        def error_share() -> float | None:
            while len(losses) < CHECKED_STEPS:
                call()
            return _error_share(torch.stack(losses), drawn, self.spec)

        return Prepared(call=call, inputs=(x, y), output=x.new_empty(1), error_share=error_share)

    def _step(self, x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
        return eager_step(x, y, w1, w2, self.spec.learning_rate)


def _error_share(losses: Tensor, drawn: tuple[Tensor, ...], spec: TrainSpec) -> float | None:
    """As `verify.trajectory`: the error of sqrt(loss) over lambda u sqrt(first loss)."""
    x, y, w1, w2 = (tensor.double() for tensor in drawn)
    w1, w2 = w1.requires_grad_(), w2.requires_grad_()
    exact = torch.stack([eager_step(x, y, w1, w2, spec.learning_rate) for _ in losses]).sqrt()
    found = losses.cpu().double().sqrt()
    if not bool(torch.isfinite(found).all()):
        return None
    tolerance = LAMBDA * unit_roundoff(spec.dtype) * exact[0]
    return float(((found - exact).abs() / tolerance).max())
