"""Convert a training step to a case, so that it is compared and rated like other operations."""

from dataclasses import fields

from workload.core.emulation import without_speed
from workload.core.methods import CUDA_EVENTS, HOST_CLOCK, WARM
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Timing
from workload.core.models.train import TrainResult
from workload.core.train_spec import TrainSpec

# Kernels of one step: the five matmuls and the small operations around them. `graph` launches many
# steps at once, so launches do not bound a step. For `compile` the number is unknown; the
# minimum is 1.
LAUNCHES = {
    "eager": 24,
    "fused": 7,
    "graph": 0,
    "compile": 1,
    "dual": 7,
    "all-reduce": 26,
    "ddp": 28,
}
# This mode does not do the operations that the formula counts. Its time describes the algorithm, so
# no rate is computed.
DUAL = "dual"


def spec_of(result: TrainResult) -> TrainSpec:
    """Return the specification of the training run."""
    return TrainSpec(**{field.name: getattr(result, field.name) for field in fields(TrainSpec)})


def step_case(result: TrainResult, device: DeviceInfo | None) -> Case:
    """Return the case of one step on `device`, without a speed if its CPU is emulated."""
    return without_speed(train_case(result, device.kind if device else "cpu"), device)


def train_case(result: TrainResult, device_kind: str) -> Case:
    """Return the case of one step; its status is WRONG if the training diverged.

    Its shape is (batch, input, hidden, output). Each sample is the mean time of a step in a block
    of steps, measured with the host's clock or, on a GPU, with CUDA events. The mode was compared
    with float64 before the training run; the steps of the run were not.
    """
    spec = spec_of(result)
    counted = int(result.mode != DUAL)
    status, reason = _status(result)
    return Case(
        kind=Kind.TRAIN,
        shape=(spec.batch_size, spec.input_size, spec.hidden_size, spec.output_size),
        dtype=spec.dtype,
        flops=counted * spec.step_flops,
        bytes=counted * spec.step_bytes,
        launches=LAUNCHES[result.mode],
        status=status,
        reason=reason,
        timing=_timing(result, HOST_CLOCK if device_kind == "cpu" else CUDA_EVENTS),
        variant=result.mode if result.ranks == 1 else f"{result.mode} {result.ranks} ranks",
        threads=result.threads,
    )


def _status(result: TrainResult) -> tuple[CaseStatus, str | None]:
    if result.diverged_at_step is not None:
        return CaseStatus.WRONG, f"the loss was not finite at step {result.diverged_at_step}"
    if not result.step_time_sec:
        return CaseStatus.SKIPPED, "no step was timed"
    return CaseStatus.OK, None


def _timing(result: TrainResult, method: str) -> Timing | None:
    blocks = len(result.step_time_sec)
    if not blocks:
        return None
    timed_steps = len(result.losses) - result.resumed_from_step
    return Timing(
        method=method,
        cache=WARM,
        calls_per_sample=max(1, round(timed_steps / blocks)),
        samples_sec=result.step_time_sec,
        warm_up_sec=result.warm_up_sec,
        steady=result.steady,
        overhead_sec=0.0,
        waits=result.waits,
    )
