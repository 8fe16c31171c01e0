"""`workload matmul --search`: find the fastest matmul of this device within a budget."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import memory_problem, run_case
from workload.bench.search import DEFAULT_EDGES, EVALUATED_SHARE, confirm, cube, search
from workload.bench.timing import TimingConfig
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core.models.case import Case
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.report.terminal import case_table

# The largest of many readings is more often too high than too low. The fastest few are therefore
# measured again, in turns, in the rest of the budget.
EXPLORING_SHARE = 0.7
CONFIRMED = 3
CONFIRMING_ROUNDS = 5
# A small matmul takes less than an equal share of the time, a large one more.
EQUAL_SHARES = 4


@dataclass
class _Evaluator:
    """Measures shapes in one dtype and keeps every case."""

    session: Session
    device: DeviceInfo
    dtype: str
    config: TimingConfig
    cases: dict[str, Case]  # by name: of several measurements the last
    allowed_sec: float = 0.0  # by one measurement

    def gflops(self, shape: Shape) -> float | None:
        """Measure one shape; None if it did not run or its result is wrong."""
        case = run_case(MatMul(shape, self.dtype, self.config), self.device, self.allowed_sec)
        self.cases[case.name] = case
        self.session.builder.add_case(case)
        return case.gflops


def search_and_record(
    session: Session, device: DeviceInfo, dtypes: Sequence[str], budget_sec: float, cache: str
) -> tuple[list[Case], list[MatMul]]:
    """Return every measured case, and the fastest matmul in each dtype, shown in a line each."""
    cases: dict[str, Case] = {}
    fastest = []
    for dtype in dtypes:
        evaluator = _Evaluator(session, device, dtype, TimingConfig(cache=cache), cases)
        best = _search(evaluator, budget_sec / len(dtypes))
        if best is not None:
            fastest.append(MatMul(best, dtype, evaluator.config))
    return list(cases.values()), fastest


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
    first = [evaluation.shape for evaluation in found.fastest(CONFIRMED)]
    evaluator.allowed_sec = (budget_sec - search_sec) / (CONFIRMED * CONFIRMING_ROUNDS)
    confirmed = confirm(first, evaluator.gflops, CONFIRMING_ROUNDS)
    fastest = [(str(evaluation.shape), evaluation.gflops or 0.0) for evaluation in confirmed]
    evaluator.session.info(case_table.search_line(dtype, fastest, len(found.trace), len(grid)))
    # If no time was left to confirm, take the first reading.
    return next((evaluation.shape for evaluation in confirmed), next(iter(first), None))


def _grid(device: DeviceInfo, dtype: str) -> list[Shape]:
    """Return the shapes that fit memory; none if the device does not support the dtype."""
    return [
        shape
        for shape in cube(DEFAULT_EDGES[device.kind])
        if MatMul(shape, dtype).not_applicable(device) is None
        and memory_problem(MatMul(shape, dtype), device) is None
    ]
