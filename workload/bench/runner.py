"""Run cases: check memory, inputs and result first, and only then time the operation."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence

import torch
from msgspec.structs import replace

from workload.bench.operations import Operation, Prepared
from workload.bench.timers import waited_sec
from workload.bench.timing import MIN_SAMPLES, measure
from workload.core.emulation import without_speed
from workload.core.errors import OutOfMemoryError
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.statistics import median
from workload.core.units import format_seconds
from workload.hardware import devices, precision

# Probes grow while the next one would take at most this share of the budget of the case. Probes
# usually take less, because waiting threads make small matmuls look slow.
PROBE_SHARE = 0.2
SMALLEST_PROBE = 128
# Take the best of several calls: the first loads kernels, and on a busy machine any call may wait.
PROBE_CALLS = 5
TRANSFERS = 5
# With fewer elements, a correct input may be outside STANDARD_DEVIATION by chance.
MIN_ELEMENTS = 1000
STANDARD_DEVIATION = (0.9, 1.1)


def run_cases(
    operations: Sequence[Operation], device: DeviceInfo, budget_sec: float
) -> Iterator[Case]:
    """Run one case for each operation, within about `budget_sec` in all.

    Estimates and checks take additional time. The remaining budget is shared evenly among the
    remaining cases, so a case that needs little leaves more for the others.
    """
    deadline = time.monotonic() + budget_sec
    for index, operation in enumerate(operations):
        share_sec = max(0.0, deadline - time.monotonic()) / (len(operations) - index)
        yield run_case(operation, device, share_sec)


def run_case(operation: Operation, device: DeviceInfo, budget_sec: float) -> Case:
    """Check whether one operation fits, estimate its time, check its result, and time it.

    A case that runs out of memory despite the estimate also has the status DOES_NOT_FIT. Raises
    LostDeviceError if the device is lost.
    """
    case = unmeasured(operation, CaseStatus.OK)
    not_applicable = operation.not_applicable(device)
    if not_applicable:
        return replace(case, status=CaseStatus.NOT_APPLICABLE, reason=not_applicable)
    too_large = memory_problem(operation, device)
    if too_large:
        return replace(case, status=CaseStatus.DOES_NOT_FIT, reason=too_large)
    try:
        # A single call may take the whole budget.
        watched = devices.translate_cuda_errors(device, budget_sec)
        with watched, precision.matmul_precision(operation.dtype):
            return _estimated_and_measured(case, operation, device, budget_sec)
    except OutOfMemoryError as error:
        return replace(case, status=CaseStatus.DOES_NOT_FIT, reason=error.what)


def _estimated_and_measured(
    case: Case, operation: Operation, device: DeviceInfo, budget_sec: float
) -> Case:
    estimate_sec = _estimate_sec(operation, device, budget_sec)
    if estimate_sec > budget_sec:
        reason = f"needs {format_seconds(estimate_sec)}, allowed {format_seconds(budget_sec)}"
        return replace(
            case,
            status=CaseStatus.SKIPPED,
            reason=reason,
            needed_sec=estimate_sec,
            allowed_sec=budget_sec,
        )
    return _checked_and_timed(case, operation, device, budget_sec)


def unmeasured(operation: Operation, status: CaseStatus, reason: str | None = None) -> Case:
    """Return the case of this operation without a measurement."""
    return Case(
        kind=operation.kind,
        shape=operation.shape,
        dtype=operation.dtype,
        flops=operation.flops,
        bytes=operation.bytes,
        launches=1,
        status=status,
        reason=reason,
    )


def memory_problem(operation: Operation, device: DeviceInfo) -> str | None:
    """Return why the operation does not fit in memory; None if it does."""
    return devices.memory_problem(operation.needed_bytes(device), device)


def _estimate_sec(operation: Operation, device: DeviceInfo, budget_sec: float) -> float:
    """Estimate the seconds of a case from probes: cheaper operations of growing size.

    The time of a small operation says little about a large one, because of launch overhead and of
    libraries that are still loading. The probe's size limit (see `Operation.clipped`) therefore
    doubles until two calls of the next probe, which has up to eight times the work, could take more
    than PROBE_SHARE of the budget, or until that probe could be the operation itself. The
    comparison with float64 is not included, because it is cheap beside an expensive operation.
    """
    calls = 2 + MIN_SAMPLES  # one to check, one to warm up, the others to time
    edge = SMALLEST_PROBE
    while True:
        probe = operation.clipped(edge)
        limit_sec = budget_sec * PROBE_SHARE
        probe_sec = _probe_sec(probe, device, limit_sec)
        if 8 * _work(probe) >= _work(operation) or 2 * 8 * probe_sec > limit_sec:
            return calls * probe_sec * _work(operation) / _work(probe)
        edge *= 2


def _work(operation: Operation) -> int:
    """Return the work that determines the time: the flops or, if there are none, the bytes."""
    return operation.flops or operation.bytes


def _probe_sec(operation: Operation, device: DeviceInfo, limit_sec: float) -> float:
    """Return the seconds of the fastest of up to PROBE_CALLS calls.

    At least two calls are made; no further call is made once they have taken `limit_sec`.
    """
    call = operation.prepare(device).call
    calls_sec: list[float] = []
    while len(calls_sec) < 2 or (len(calls_sec) < PROBE_CALLS and sum(calls_sec) < limit_sec):  # noqa: PLR2004  see above
        calls_sec.append(waited_sec(call, device))
    return min(calls_sec)


def _checked_and_timed(
    case: Case, operation: Operation, device: DeviceInfo, budget_sec: float
) -> Case:
    prepared = operation.prepare(device)
    problem = _input_problem(prepared)
    if problem:
        return replace(case, status=CaseStatus.WRONG, reason=problem)
    prepared.call()
    share = prepared.error_share()
    case = replace(case, error_share=share)
    if share is None:
        reason = f"the result of the {case.kind} is wrong or not finite"
        return replace(case, status=CaseStatus.WRONG, reason=reason)
    if share > 1:
        reason = f"the result of the {case.kind} is off by {share:.3g} times its tolerance"
        return replace(case, status=CaseStatus.WRONG, reason=reason)
    timing = measure(prepared.call, device, budget_sec, operation.timing_config)
    case = replace(case, timing=timing, transfer_sec=_transfer_sec(case, prepared, device))
    if timing.invalid:
        return replace(case, status=CaseStatus.INVALID, reason=timing.invalid)
    return without_speed(case, device)


def _input_problem(prepared: Prepared) -> str | None:
    """Return why these inputs are not standard normal numbers, or None if they are."""
    low, high = STANDARD_DEVIATION
    for tensor in prepared.inputs:
        deviation = float(tensor.std()) if tensor.numel() >= MIN_ELEMENTS else 1.0
        if not math.isfinite(deviation) or not bool(torch.isfinite(tensor).all()):
            return "an input contains numbers that are not finite"
        if not low <= deviation <= high:
            return (
                f"an input has the standard deviation {deviation:.3g}, not 1: "
                "constant or scaled inputs use less power and run faster"
            )
    return None


def _transfer_sec(case: Case, prepared: Prepared, device: DeviceInfo) -> float | None:
    """Time the copies of the inputs to the device and of the result to the host (pinned memory).

    Return None if the device is a CPU, or if the case computes nothing.
    """
    if device.kind == "cpu" or not case.flops:
        return None
    hosted = [tensor.cpu().pin_memory() for tensor in prepared.inputs]
    result = torch.empty_like(prepared.output, device="cpu", pin_memory=True)

    def transfer() -> None:
        for target, source in zip(prepared.inputs, hosted, strict=True):
            target.copy_(source, non_blocking=True)
        result.copy_(prepared.output, non_blocking=True)

    return median([waited_sec(transfer, device) for _ in range(TRANSFERS)])


def no_case_ran(cases: Iterable[Case]) -> bool:
    """Return whether nothing was computed; copies and launches do not count."""
    ran = (CaseStatus.OK, CaseStatus.WRONG, CaseStatus.INVALID, CaseStatus.EMULATED)
    return not any(case.status in ran for case in cases if case.flops)
