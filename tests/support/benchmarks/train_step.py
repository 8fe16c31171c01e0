"""Steps of the chapter's loop by one mode as a benchmarked operation."""

from dataclasses import dataclass
from typing import ClassVar

from msgspec.structs import replace
from torch import Tensor

from workload.bench.operations import Prepared
from workload.bench.timing import TimingConfig
from workload.core.methods import CUDA_EVENTS
from workload.core.models.case import Case, Kind
from workload.core.models.device import DeviceInfo
from workload.core.train_case import LAUNCHES
from workload.core.train_spec import BLOCK_STEPS, TrainSpec
from workload.train.modes.check import clear_error, clear_tolerance, require_right
from workload.train.modes.mode import Mode, draw


@dataclass(frozen=True)
class TrainSteps:
    """BLOCK_STEPS steps on fixed data, which a mode may do together; the weights change."""

    spec: TrainSpec
    mode: Mode

    kind: ClassVar[Kind] = Kind.TRAIN
    # Not a graph, so that the mode's own launches are timed.
    timing_config: ClassVar[TimingConfig] = TimingConfig(CUDA_EVENTS)

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
        """Of the seed's products."""
        return BLOCK_STEPS * self.spec.step_flops

    @property
    def bytes(self) -> int:
        """Data read, weights read and written, at each step."""
        return BLOCK_STEPS * self.spec.step_bytes

    def clipped(self, _edge: int) -> "TrainSteps":
        """It is quick enough to be estimated by itself."""
        return self

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """Of any mode, its check included."""
        return self.spec.needed_bytes

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """Return why the device does not support this mode, or None."""
        refusal = self.mode.refusal(self.spec, device)
        return None if refusal is None else str(refusal)

    def prepare(self, device: DeviceInfo) -> Prepared:
        """The loop's seeded data and weights on the device. Compiles or captures, if need be."""
        data = draw(self.spec, device.torch_name)
        loop = self.mode.start(self.spec, device, data)

        def call() -> Tensor:
            return loop.advance(BLOCK_STEPS)

        return Prepared(
            call=call,
            inputs=data[:2],
            output=data[0].new_empty(BLOCK_STEPS),
            error_share=lambda: self._error_share(device),
        )

    def _error_share(self, device: DeviceInfo) -> float | None:
        """On the small network, as a share of its tolerance. Raises WrongNumbersError if this
        very training, or that, goes another way than in float64.
        """
        require_right(self.mode, self.spec, device)
        error = clear_error(self.mode, device, self.dtype)
        return None if error is None else error / clear_tolerance(self.mode, self.dtype)


def of_one_step(case: Case, device: DeviceInfo, mode: Mode) -> Case:
    """The case of one step, from that of BLOCK_STEPS, under the mode's name.

    A mode that does other arithmetic than the seed's has no rate: its time says nothing of
    how fast the device does what is counted.
    """

    def counted(amount: int) -> int:
        return amount // BLOCK_STEPS if mode.same_arithmetic else 0

    timing = case.timing and replace(
        case.timing,
        calls_per_sample=BLOCK_STEPS * case.timing.calls_per_sample,
        samples_sec=tuple(seconds / BLOCK_STEPS for seconds in case.timing.samples_sec),
        overhead_sec=case.timing.overhead_sec / BLOCK_STEPS,
    )
    return replace(
        case,
        flops=counted(case.flops),
        bytes=counted(case.bytes),
        launches=LAUNCHES[mode.name],
        timing=timing,
        variant=mode.name,
        threads=device.threads if device.kind == "cpu" else None,
    )
