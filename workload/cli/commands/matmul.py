"""`workload matmul`: measure GFLOP/s; --search finds the fastest shapes within a budget."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import memory_problem, run_case
from workload.bench.search import DEFAULT_EDGES, EVALUATED_SHARE, confirm, cube, fastest, search
from workload.bench.threads import probes_of, with_best_threads
from workload.bench.timing import TimingConfig
from workload.cli.options import MatmulOptions
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.cli.steps import measure
from workload.cli.steps.device import announce
from workload.cli.steps.measure import requested_matmuls
from workload.cli.steps.variables import warn_of_variables
from workload.core.errors import ExitCode
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.core.units import format_rate
from workload.hardware import devices
from workload.report.terminal import summary
from workload.report.terminal.budget import Budget, Shared
from workload.report.terminal.tables import labelled

# The default dtypes of --search, the ones that neural networks use.
SEARCHED_DTYPES = ("float32", "bfloat16")
# Share of the budget for the search. The rest is used to measure the device's limits and the
# fastest or the requested sizes.
SEARCH_SHARE = 0.8
# Share of the search time for exploring. The rest is used to measure the fastest few shapes again:
# the largest of many readings is more often too high than too low.
EXPLORING_SHARE = 0.7
CONFIRMED = 3
CONFIRMING_ROUNDS = 5
# A measurement may take this many equal shares of the time: a small matmul takes less than one
# share, a large one more.
EQUAL_SHARES = 4


def command(session: Session, options: MatmulOptions) -> ExitCode:
    """Run every case, print the table, and report each case that is wrong or does not fit.

    With --search, find the fastest shapes first. Their rate sets the ceiling: the table shows the
    speed of the other cases as a share of it.
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
        known, found = _search_each(session, device, dtypes, search_sec, options.cache)
        budget_sec -= search_sec
        matmuls = matmuls if options.sizes else found
    if matmuls:  # a search may find none
        session.info(summary.stage_line({"matmul": len(matmuls)}, budget_sec))
    cases, ceilings = measure.measure_and_record(session, device, matmuls, budget_sec, known)
    shared = Shared(
        budget_sec, len(matmuls), part=measure.CASES_SHARE * budget_sec / options.budget
    )
    budget = Budget(options.budget, shared=shared)
    measure.show(session, device, cases, ceilings, budget)
    wrong = [case for case in known if case.status is CaseStatus.WRONG]
    return measure.exit_code_of_cases(session, [*wrong, *cases], budget)


@dataclass
class _Evaluator:
    """Measures shapes in one dtype and keeps every case."""

    session: Session
    device: DeviceInfo
    dtype: str
    config: TimingConfig
    cases: dict[str, Case]  # by name; the last measurement of each
    allowed_sec: float = 0.0  # for one measurement

    def gflops(self, shape: Shape) -> float | None:
        """Measure one shape and return its rate; None if it did not run or its result is wrong."""
        case = run_case(MatMul(shape, self.dtype, self.config), self.device, self.allowed_sec)
        self.cases[case.name] = case
        self.session.builder.add_case(case)
        return case.gflops


def _search_each(
    session: Session, device: DeviceInfo, dtypes: Sequence[str], budget_sec: float, cache: str
) -> tuple[list[Case], list[MatMul]]:
    """Search in each dtype and print the result; return all cases and the fastest matmuls."""
    cases: dict[str, Case] = {}
    found = []
    for dtype in dtypes:
        evaluator = _Evaluator(session, device, dtype, TimingConfig(cache=cache), cases)
        best = _search(evaluator, budget_sec / len(dtypes))
        if best is not None:
            found.append(MatMul(best, dtype, evaluator.config))
    return list(cases.values()), found


def _search(evaluator: _Evaluator, budget_sec: float) -> Shape | None:
    started = time.monotonic()
    dtype = evaluator.dtype
    grid = _grid(evaluator.device, dtype)
    most = max(1, round(EVALUATED_SHARE * len(grid)))
    search_sec = EXPLORING_SHARE * budget_sec
    evaluator.allowed_sec = EQUAL_SHARES * search_sec / most
    before = len(evaluator.cases)
    with progress(f"search {dtype}", most) as advance:

        def enough() -> bool:
            advance(len(evaluator.cases) - before, dtype)
            return time.monotonic() - started > search_sec

        found = search(grid, evaluator.gflops, most, enough=enough)
    first = fastest(found)[:CONFIRMED]
    evaluator.allowed_sec = (budget_sec - search_sec) / (CONFIRMED * CONFIRMING_ROUNDS)
    confirmed = confirm(first, evaluator.gflops, CONFIRMING_ROUNDS)
    rates = [(str(shape), gflops) for shape, gflops in confirmed.items()]
    evaluator.session.info(_search_line(dtype, rates, len(found), len(grid)))
    # If no time was left to measure again, take the fastest shape of the exploration.
    return next(iter(confirmed), next(iter(first), None))


def _search_line(dtype: str, fastest: Sequence[tuple[str, float]], tried: int, grid: int) -> str:
    """Return a line with the fastest shapes of a search and how many shapes it tried.

    `fastest` holds shapes with their GFLOP/s, the fastest first.
    """
    effort = f"{tried} of {grid} shapes tried"
    if not fastest:
        fix = "raise --budget" if grid else "the dtype is not supported, or no shape fits in memory"
        return labelled("search", f"{dtype}: no shape ran ({effort}): {fix}")
    (best, rate), *others = fastest
    then = "".join(f", then {shape} {format_rate(gflops)}" for shape, gflops in others)
    return labelled(
        "search", f"{dtype}: {best} is fastest at {format_rate(rate)} GFLOP/s{then}; {effort}"
    )


def _grid(device: DeviceInfo, dtype: str) -> list[Shape]:
    """Return the shapes that fit in memory; none if the device does not support the dtype."""
    return [
        shape
        for shape in cube(DEFAULT_EDGES[device.kind])
        if MatMul(shape, dtype).not_applicable(device) is None
        and memory_problem(MatMul(shape, dtype), device) is None
    ]
