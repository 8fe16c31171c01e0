"""Steps of the chapter's loop as a benchmarked operation, whatever the engine."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workload import devices
from workload.cases import CUDA_EVENTS, Case, Kind
from workload.engines.data import Data, draw
from workload.engines.engine import Engine
from workload.engines.reference import by_hand
from workload.operations import Prepared
from workload.results import DeviceInfo
from workload.timing import Protocol
from workload.train_case import LAUNCHES
from workload.train_spec import BLOCK_STEPS, TrainSpec

STEPS = BLOCK_STEPS  # of a call: what engines may do together


@dataclass(frozen=True)
class TrainSteps:
    """STEPS steps of the loop on fixed data; the weights move on from call to call."""

    spec: TrainSpec
    engine: Engine
    kind: Kind = Kind.TRAIN
    # Events even for short steps: what an engine costs with its launches is what is measured.
    protocol: Protocol = Protocol(CUDA_EVENTS)  # noqa: RUF009  frozen

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
        """None for other arithmetic than the seed's: it has no rate to compare."""
        return STEPS * self.spec.step_flops if self.engine.seeds_arithmetic else 0

    @property
    def bytes(self) -> int:
        """As `flops`."""
        return STEPS * self.spec.step_bytes if self.engine.seeds_arithmetic else 0

    def clipped(self, _edge: int) -> "TrainSteps":
        """It is quick enough to be estimated by itself."""
        return self

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """As the training counts it."""
        return self.spec.needed_bytes

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """Why this device cannot have the engine."""
        refusal = self.engine.refusal(self.spec, device)
        return str(refusal) if refusal else None

    def prepare(self, device: DeviceInfo) -> Prepared:
        """The loop's seeded data and weights on the device."""
        drawn = draw(self.spec, devices.torch_dtype(self.dtype))
        x, y, w1, w2 = (tensor.to(devices.torch_device(device)) for tensor in drawn)
        loop = self.engine.start(self.spec, device, (x, y, w1, w2))
        first: list[Tensor] = []

        def call() -> None:
            losses = loop.advance(STEPS)
            first[:] = first or [losses]

        return Prepared(
            call=call,
            inputs=(x, y),
            output=x.new_empty(STEPS),
            error_share=lambda: _error_share(first[0], drawn, self.spec),
        )


def _error_share(losses: Tensor, drawn: Data, spec: TrainSpec) -> float | None:
    """The error of sqrt(loss) over what rounding explains, at the worst of the first steps."""
    found = losses.cpu().double().sqrt()
    if not bool(torch.isfinite(found).all()):
        return None
    reference = by_hand(replace(spec, steps=STEPS), drawn, spec.dtype)
    return float(((found - reference.losses.sqrt()).abs() / reference.allowed).max())


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
        launches=LAUNCHES[engine.name],
        timing=timing,
        variant=engine.name,
    )
