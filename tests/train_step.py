"""Steps of the chapter's loop as a benchmarked operation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from workload import devices
from workload.cases import CUDA_EVENTS, Case, Kind
from workload.operations import Prepared
from workload.results import DeviceInfo
from workload.timing import Protocol as TimingProtocol
from workload.tolerances import LAMBDA, unit_roundoff
from workload.train import draw, eager_step
from workload.train_spec import TrainSpec
from workload.units import DTYPE_BYTES

# A call does so many, because some engines do several steps together.
STEPS = 10
# Steps whose losses are compared with float64 before anything is timed: the second follows an
# update. Later ones show rounding that decided a ReLU, which is no fault.
CHECKED_STEPS = 2

Data = tuple[Tensor, Tensor, Tensor, Tensor]  # x, y, w1, w2


class Loop(Protocol):
    """A training in progress."""

    def advance(self, count: int) -> Tensor:
        """Do `count` steps; their losses (count,)."""
        ...


class EagerLoop:
    """The chapter's loop, word for word."""

    def __init__(self, spec: TrainSpec, _device: DeviceInfo, data: Data) -> None:
        self._learning_rate = spec.learning_rate
        self._x, self._y, w1, w2 = data
        self._w1, self._w2 = (weights.clone().requires_grad_() for weights in (w1, w2))

    def advance(self, count: int) -> Tensor:
        """See `Loop`."""
        return _losses(self._x, self._y, self._w1, self._w2, self._learning_rate, count)


def _losses(  # noqa: PLR0913, PLR0917  the loop's four tensors, and two numbers
    x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, learning_rate: float, count: int
) -> Tensor:
    return torch.stack([eager_step(x, y, w1, w2, learning_rate) for _ in range(count)])


@dataclass(frozen=True)
class Engine:
    """How the steps are done; `launches` is how many kernels a step starts."""

    name: str
    start: Callable[[TrainSpec, DeviceInfo, Data], Loop]
    launches: int


# Five products and the small operations around them.
ENGINES = {engine.name: engine for engine in (Engine("eager", EagerLoop, launches=24),)}


@dataclass(frozen=True)
class TrainSteps:
    """STEPS steps of the loop on fixed data; the weights move on from call to call."""

    spec: TrainSpec
    engine: Engine

    kind: ClassVar[Kind] = Kind.TRAIN
    # Not a graph: what an engine costs with its launches is what is measured.
    protocol: ClassVar[TimingProtocol] = TimingProtocol(CUDA_EVENTS)

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
        """Of five products a step: two with x, three with w2 and the residuals."""
        batch, inputs, hidden, outputs = self.shape
        return STEPS * 2 * batch * hidden * (2 * inputs + 3 * outputs)

    @property
    def bytes(self) -> int:
        """x and y read, both weights read and written, at each step."""
        batch, inputs, hidden, outputs = self.shape
        elements = batch * (inputs + outputs) + 2 * hidden * (inputs + outputs)
        return STEPS * DTYPE_BYTES[self.dtype] * elements

    def clipped(self, _edge: int) -> "TrainSteps":
        """It is quick enough to be estimated by itself."""
        return self

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """As the loop counts it, and the check in float64."""
        return 3 * self.spec.needed_bytes

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """TF32 where there is none."""
        return devices.tf32_problem(device) if self.dtype == "tf32" else None

    def prepare(self, device: DeviceInfo) -> Prepared:
        """The loop's seeded data and weights on the device."""
        drawn = draw(self.spec, devices.torch_dtype(self.dtype))
        x, y, w1, w2 = (tensor.to(devices.torch_device(device)) for tensor in drawn)
        loop = self.engine.start(self.spec, device, (x, y, w1, w2))
        first_losses: list[Tensor] = []

        def call() -> None:
            losses = loop.advance(STEPS)
            first_losses[:] = first_losses or [losses]

        return Prepared(
            call=call,
            inputs=(x, y),
            output=x.new_empty(STEPS),
            error_share=lambda: _error_share(first_losses[0], drawn, self.spec),
        )


def _error_share(losses: Tensor, drawn: Data, spec: TrainSpec) -> float | None:
    """As `verify.trajectory`: the error of sqrt(loss) over lambda u sqrt(first loss)."""
    found = losses.cpu().double().sqrt()
    if not bool(torch.isfinite(found).all()):
        return None
    x, y, w1, w2 = (tensor.double() for tensor in drawn)
    w1, w2 = w1.requires_grad_(), w2.requires_grad_()
    exact = _losses(x, y, w1, w2, spec.learning_rate, CHECKED_STEPS).sqrt()
    tolerance = LAMBDA * unit_roundoff(spec.dtype) * exact[0]
    return float(((found[:CHECKED_STEPS] - exact).abs() / tolerance).max())


def of_one_step(case: Case, engine: Engine) -> Case:
    """The case of one step, from that of STEPS, under the engine's name."""
    timing = case.timing and replace(
        case.timing,
        calls_per_sample=STEPS * case.timing.calls_per_sample,
        samples_sec=tuple(seconds / STEPS for seconds in case.timing.samples_sec),
        overhead_sec=case.timing.overhead_sec / STEPS,
    )
    return replace(
        case,
        flops=case.flops // STEPS,
        bytes=case.bytes // STEPS,
        launches=engine.launches,
        timing=timing,
        variant=engine.name,
    )
