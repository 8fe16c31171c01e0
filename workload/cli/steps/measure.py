"""Steps that several commands share: choose matmuls; measure, rate, record and show cases."""

import math
from collections.abc import Sequence

from workload.bench.operations import Operation
from workload.bench.operations.limits import Launch, copies
from workload.bench.operations.matmul import DEFAULT_SIZES, MatMul, squares
from workload.bench.runner import memory_problem, no_case_ran, run_cases, unmeasured
from workload.bench.timing import TimingConfig
from workload.cli.options import MatmulOptions, RunOptions
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core import roofline
from workload.core.case_titles import full_title
from workload.core.errors import ExitCode, LostDeviceError
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.rating import Ceilings
from workload.core.shape import Shape
from workload.hardware.peaks import datasheet_ceilings
from workload.hardware.precision import benchmarked_dtypes, emulations
from workload.report.terminal import case_table
from workload.report.terminal.budget import Budget

# Measuring the limits of memory, bus and launches takes this share of the budget, but at most
# MAX_LIMITS_SEC.
LIMITS_SHARE = 0.1
MAX_LIMITS_SEC = 3.0
CASES_SHARE = 1 - LIMITS_SHARE  # at least this share is left for the cases
# The rate of this matmul is near the best on every CPU, and not far below the best on a GPU.
LIMITING_MATMUL = Shape(1024, 1024, 1024)

_FIXES = {
    CaseStatus.WRONG: "run `workload doctor`",
    CaseStatus.INVALID: "repeat on an idle, cool machine without other GPU processes",
    CaseStatus.DOES_NOT_FIT: "choose smaller --sizes or allow more memory",
}


def measure_and_record(
    session: Session,
    device: DeviceInfo,
    operations: Sequence[Operation],
    budget_sec: float,
    known: Sequence[Case] = (),
) -> tuple[list[Case], Ceilings]:
    """Measure the device's limits, then the operations; rate the operations by the limits.

    Each case is recorded as interrupted until it is measured. `known` are cases that were measured
    earlier. They count towards the ceilings, which are the best rates, and they stay in the record
    unless they are measured again. If the device is lost, the remaining cases are skipped, and the
    results so far are shown and recorded before LostDeviceError is raised.
    """
    limits = limiting_operations(device)
    every = [*limits, *operations]
    reason = "the run ended before this case"
    to_come = [unmeasured(operation, CaseStatus.INTERRUPTED, reason) for operation in every]
    session.builder.expect(to_come)
    cases: list[Case] = []
    lost: LostDeviceError | None = None
    limits_sec = min(LIMITS_SHARE * budget_sec, MAX_LIMITS_SEC)
    try:
        with progress("measure", len(every)) as advance:
            for some, sec in ((limits, limits_sec), (operations, budget_sec - limits_sec)):
                for case in run_cases(some, device, sec):
                    cases.append(case)
                    session.builder.add_case(case)
                    advance(len(cases), full_title(case))
    except LostDeviceError as error:
        lost = error
        left = every[len(cases) :]
        cases += [unmeasured(operation, CaseStatus.SKIPPED, lost.what) for operation in left]
    measured = {case.name for case in cases}
    others = [case for case in known if case.name not in measured]
    ceilings = roofline.measured([*others, *cases], datasheet_ceilings(device))
    cases = roofline.rated(cases, ceilings)
    session.builder.set("cases", [*cases, *roofline.rated(others, ceilings)])
    session.builder.set("ceilings", ceilings)
    if lost:
        show(session, device, cases, ceilings)
        raise lost
    return cases, ceilings


def measure_limits(session: Session, device: DeviceInfo, dtype: str) -> Ceilings:
    """Measure the device's limits and one matmul in `dtype`; return and record the ceilings.

    The caller uses them to rate a case that it has timed itself.
    """
    operations = [*limiting_operations(device), MatMul(LIMITING_MATMUL, dtype)]
    cases = list(run_cases(operations, device, MAX_LIMITS_SEC))
    ceilings = roofline.measured(cases, datasheet_ceilings(device), least=1)
    session.builder.set("ceilings", ceilings)
    return ceilings


def limiting_operations(device: DeviceInfo) -> list[Operation]:
    """Return the operations that measure the limits of launches, memory and bus."""
    return [Launch(), *copies(device)]


def show(
    session: Session,
    device: DeviceInfo,
    cases: Sequence[Case],
    ceilings: Ceilings,
    budget: Budget | None = None,
) -> None:
    """Print a table of the cases that ran, with a legend, then list the other cases by reason."""
    tried = (CaseStatus.OK, CaseStatus.SKIPPED)
    dtypes = dict.fromkeys(case.dtype for case in cases if case.flops and case.status in tried)
    notes = [
        *(f"{dtype}: {reason}" for dtype, reason in emulations(device, dtypes).items()),
        *case_table.warning_lines(cases, budget),
        *case_table.not_run_lines(cases, budget),
    ]
    table = case_table.cases_table(cases)
    if table.rows:
        session.info("", table, "", *case_table.legend_lines(cases, ceilings))
        notes = ["", *notes] if notes else []
    session.info(*notes)


def exit_code_of_cases(
    session: Session, cases: Sequence[Case], budget: Budget | None = None
) -> ExitCode:
    """Return the code of the worst case; print an error line for each case with a failure."""
    for case in cases:
        if case.status in _FIXES:
            name = full_title(case)
            session.error(f"{name} {case.status.words}: {case.reason}; {_FIXES[case.status]}")
    statuses = {case.status for case in cases}
    if CaseStatus.WRONG in statuses:
        return ExitCode.WRONG_NUMBERS
    if statuses & {CaseStatus.INVALID, CaseStatus.DOES_NOT_FIT}:
        return ExitCode.UNFIT
    if no_case_ran(cases):
        skipped = [case for case in cases if case.status is CaseStatus.SKIPPED and case.flops]
        shortest = min(skipped, key=lambda case: case.needed_sec or math.inf, default=None)
        seconds = budget.enough_for([shortest]) if budget and shortest else None
        fix = "choose other --dtypes or --sizes"
        if not any(case.flops for case in cases):  # a search found no shape
            fix = "raise --budget, or choose other --dtypes"
        if seconds:
            fix = f"set --budget {seconds} to run the shortest, or choose smaller --sizes"
        session.error(f"no case could run: {fix}")
        return ExitCode.UNFIT
    return ExitCode.OK


def requested_matmuls(options: MatmulOptions | RunOptions, device: DeviceInfo) -> list[MatMul]:
    """Return the requested matmuls, or the default ones."""
    shapes = options.sizes or default_shapes(device)
    dtypes = options.dtypes or benchmarked_dtypes(device)
    config = TimingConfig(cache=options.cache)
    return [MatMul(shape, dtype, config) for shape in shapes for dtype in dtypes]


def default_shapes(device: DeviceInfo) -> list[Shape]:
    """Return the default sizes that fit in memory in every dtype; the smallest if none fits.

    The user did not request these sizes, so one that does not fit is left out without an error.
    """
    shapes = squares(*DEFAULT_SIZES[device.kind])
    fitting = [
        shape for shape in shapes if memory_problem(MatMul(shape, "float64"), device) is None
    ]
    return fitting or shapes[:1]
