"""`workload matmul`: GFLOP/s of matmuls."""

from workload.bench.threads import probes_of, with_best_threads
from workload.cli.options import MatmulOptions
from workload.cli.session import Session
from workload.cli.steps import measure
from workload.cli.steps.device import announce
from workload.cli.steps.matmuls import requested_matmuls
from workload.cli.steps.search import search_and_record
from workload.cli.steps.variables import warn_of_variables
from workload.core.errors import ExitCode
from workload.core.models.case import Case, CaseStatus
from workload.hardware import devices
from workload.report.terminal import summary
from workload.report.terminal.budget import Budget, Shared

# The default dtypes of --search: those of networks.
SEARCHED_DTYPES = ("float32", "bfloat16")
# Of the budget; the rest measures the device's limits, and the fastest or the requested sizes.
SEARCH_SHARE = 0.8


def command(session: Session, options: MatmulOptions) -> ExitCode:
    """Run every case, print the table, and report each case that is wrong or does not fit.

    With --search, find the fastest shapes first; they are the ceiling of the other cases.
    """
    device = devices.resolve(options.device)
    matmuls, budget_sec = requested_matmuls(options, device), options.budget
    device = with_best_threads(device, probes_of(matmuls))
    announce(session, device)
    warn_of_variables(session, device.kind)
    known: list[Case] = []
    if options.search:
        dtypes = options.dtypes or SEARCHED_DTYPES
        search_sec = SEARCH_SHARE * budget_sec
        known, fastest = search_and_record(session, device, dtypes, search_sec, options.cache)
        budget_sec -= search_sec
        matmuls = matmuls if options.sizes else fastest
    session.info(summary.stage_line({"matmul": len(matmuls)}, budget_sec))
    cases, ceilings = measure.measure_and_record(session, device, matmuls, budget_sec, known)
    shared = Shared(
        budget_sec, len(matmuls), part=measure.CASES_SHARE * budget_sec / options.budget
    )
    budget = Budget(options.budget, shared=shared)
    measure.show(session, device, cases, ceilings, budget)
    wrong = [case for case in known if case.status is CaseStatus.WRONG]
    return measure.exit_code_of_cases(session, [*wrong, *cases], budget)
