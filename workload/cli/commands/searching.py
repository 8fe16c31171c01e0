"""`workload matmul --search`: the fastest product this device can do, found within a budget."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import memory_problem, run_case
from workload.bench.search import DEFAULT_EDGES, EVALUATED_SHARE, confirm, cube, search
from workload.bench.timing import Protocol
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core.cases import Case, Shape
from workload.core.results import DeviceInfo
from workload.report.terminal import case_table

# The largest of many readings is more often too high than too low, so the first few are measured
# anew, in alternation, with what this share of the budget leaves.
EXPLORING_SHARE = 0.7
CONFIRMED = 3
CONFIRMING_ROUNDS = 5
# A small product is known long before an equal share of the time is spent, a large one after.
EQUAL_SHARES = 4


@dataclass
class _Evaluator:
    """Measures shapes in one dtype and keeps every case."""

    session: Session
    device: DeviceInfo
    dtype: str
    protocol: Protocol
    allowed_sec: float
    cases: dict[str, Case]  # by name: of several measurements the last

    def gflops(self, shape: Shape) -> float | None:
        """The rate of one shape; None if it did not run, or not rightly."""
        case = run_case(MatMul(shape, self.dtype, self.protocol), self.device, self.allowed_sec)
        self.cases[case.name] = case
        self.session.builder.set("cases", list(self.cases.values()))
        return case.gflops


def search_and_record(
    session: Session, device: DeviceInfo, dtypes: Sequence[str], budget_sec: float
) -> tuple[list[Case], list[MatMul]]:
    """Every case that was measured, and the fastest product in each dtype, said in a line each."""
    cases: dict[str, Case] = {}
    fastest = []
    for dtype in dtypes:
        best = _search(session, device, dtype, budget_sec / len(dtypes), cases)
        if best is not None:
            fastest.append(best)
    return list(cases.values()), fastest


def _search(
    session: Session, device: DeviceInfo, dtype: str, budget_sec: float, cases: dict[str, Case]
) -> MatMul | None:
    started = time.monotonic()
    protocol = Protocol(cache=session.arguments.cache)
    grid = _grid(device, dtype)
    most = max(1, round(EVALUATED_SHARE * len(grid)))
    search_sec = EXPLORING_SHARE * budget_sec
    allowed_sec = EQUAL_SHARES * search_sec / most
    evaluator = _Evaluator(session, device, dtype, protocol, allowed_sec, cases)
    before = len(cases)
    with progress(f"search {dtype}", most) as advance:

        def enough() -> bool:
            advance(len(cases) - before, dtype)
            return time.monotonic() - started > search_sec

        found = search(grid, evaluator.gflops, most, enough=enough)
    first = [evaluation.shape for evaluation in found.fastest(CONFIRMED)]
    evaluator.allowed_sec = (budget_sec - search_sec) / (CONFIRMED * CONFIRMING_ROUNDS)
    confirmed = confirm(first, evaluator.gflops, CONFIRMING_ROUNDS)
    session.info(case_table.search_line(dtype, confirmed, len(found.trace), len(grid)))
    # Where confirming did not fit the budget, the first reading has to do.
    best = next((evaluation.shape for evaluation in confirmed), next(iter(first), None))
    return MatMul(best, dtype, protocol) if best else None


def _grid(device: DeviceInfo, dtype: str) -> list[Shape]:
    """The shapes that fit the memory; none where the device lacks the dtype."""
    return [
        shape
        for shape in cube(DEFAULT_EDGES[device.kind])
        if MatMul(shape, dtype).not_applicable(device) is None
        and memory_problem(MatMul(shape, dtype), device) is None
    ]
