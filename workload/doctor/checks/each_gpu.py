"""Helpers of the checks that run for each GPU."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar, Unpack

from workload.core.models.facts import Facts
from workload.core.models.finding import State
from workload.core.models.gpu import Gpu, GpuState
from workload.core.models.pytorch import TorchFacts
from workload.doctor.actions.faults import why_silent
from workload.doctor.checks.check import (
    Check,
    CheckResult,
    Need,
    Texts,
    not_applicable,
    unknown,
    worst,
)
from workload.doctor.checks.gpu_needs import (
    DRIVER,
    GPU,
    gpu_check,
    one_gpu_named,
    other_gpus,
    requested_gpus,
)
from workload.hardware.gpu_state import NOT_SUPPORTED

Answer = TypeVar("Answer")
GpuFunction = Callable[[Facts, Gpu, GpuState], CheckResult]
ANSWERS = Need(
    "card-lost",
    "the GPU does not answer the driver",
    lambda facts: any(gpu.state for gpu in requested_gpus(facts)),
)


def each_gpu_check(id_: str, **texts: Unpack[Texts]) -> Callable[[GpuFunction], Check]:
    """Turn a function that checks one GPU into a check that returns the worst result of all GPUs.

    If the function raises NotReportedError, its result is "unknown" or "not applicable". The reason
    is the one that `GpuState.silent` has for the check's id.

    For GPUs that were not requested, only failures count, because the checks peer-access and nccl
    use every GPU. If the user named one GPU, these failures become warnings.
    """

    def decorate(function: GpuFunction) -> Check:
        def judge(facts: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
            try:
                return function(facts, gpu, state)
            except NotReportedError:
                return _not_reported(gpu, state, id_)

        def check_all(facts: Facts) -> CheckResult:
            own = [judge(facts, gpu, gpu.state) for gpu in requested_gpus(facts) if gpu.state]
            others = [judge(facts, gpu, gpu.state) for gpu in other_gpus(facts) if gpu.state]
            failures = [result for result in others if result.state is State.FAIL]
            if one_gpu_named(facts):
                failures = [replace(result, state=State.WARN) for result in failures]
            return worst([*own, *failures])

        return gpu_check(id_, needs=(DRIVER, GPU, ANSWERS), **texts)(check_all)

    return decorate


def gpu_name(gpu: Gpu) -> str:
    """Return the GPU's index and name."""
    return f"GPU {gpu.index} {gpu.name or '(name unknown)'}"


class NotReportedError(LookupError):
    """Raised if the driver did not report a value that a check needs."""


def reported(answer: Answer | None) -> Answer:
    """Return the reported value. Raises NotReportedError if the driver did not report it."""
    if answer is None:
        raise NotReportedError
    return answer


def _not_reported(gpu: Gpu, state: GpuState, question: str) -> CheckResult:
    """Return the result for a value that the driver did not report, with the recorded reason."""
    reason = state.silent.get(question, "no reason given")
    if reason == NOT_SUPPORTED:
        return not_applicable(f"not supported by {gpu_name(gpu)}", case="card-has-none")
    found = f"not reported by the driver for {gpu_name(gpu)} ({reason})"
    return unknown(found, case="card-silent")


def why_not_seen(torch: TorchFacts, listed: Sequence[Gpu]) -> Iterator[str]:
    """Yield a text about each GPU that the driver lists but CUDA does not see."""
    seen = {gpu.uuid for gpu in torch.gpus}
    for gpu in listed:
        if gpu.state is None:
            yield f"GPU {gpu.index}: {why_silent(gpu)}"
        elif gpu.uuid not in seen:
            yield f"{gpu_name(gpu)}: the driver lists it, but CUDA does not"
