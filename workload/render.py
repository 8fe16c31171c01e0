"""Results as words and tables for a terminal. Pure: nothing here prints."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.table import Table

from workload.cases import Case, CaseStatus, Ceilings, Kind, Timing
from workload.errors import ExitCode
from workload.results import (
    Check,
    DeviceInfo,
    Finding,
    State,
    TrainResult,
)
from workload.search import Evaluation
from workload.units import format_bytes, format_rate, format_seconds, printable

# What is told of a case; which of it are numbers.
CASE_COLUMNS = (
    "case",
    "dtype",
    "rate",
    "median",
    "95 %",
    "of peak",
    "of ceiling",
    "bound by",
    "error/tol",
    "note",
)
CASE_NUMBERS = (2, 3, 4, 5, 6, 8)

_STATE_WORDS = {
    State.PASS: "pass",
    State.WARN: "WARN",
    State.FAIL: "FAIL",
    State.NOT_APPLICABLE: "n/a",
    State.UNKNOWN: "unknown",
}


def device_line(device: DeviceInfo) -> str:
    """Which device, and why."""
    return f"device  {device_words(device)} ({device.reason})"


def device_words(device: DeviceInfo) -> str:
    """Which device, and what of it is used."""
    threads = f"{device.threads} thread{'s' if device.threads > 1 else ''}"
    if len(device.swept_threads) > 1:
        threads += f", fastest of {', '.join(map(str, device.swept_threads))}"
    detail = threads if device.kind == "cpu" else f"compute capability {device.capability}"
    return f"{device.torch_name}: {printable(device.name)}, {detail}"


def findings_table(findings: Iterable[Finding]) -> Table:
    """One row a check; what to do stands under what was found."""
    table = _table("doctor", "state", "found")
    for finding in findings:
        words = [finding.found]
        if finding.state in (State.WARN, State.FAIL):
            words += [text for text in (finding.why, finding.remedy) if text]
        text = "\n".join(map(printable, words))
        table.add_row(finding.id, _STATE_WORDS[finding.state], text)
    return table


def findings_line(findings: Sequence[Finding]) -> str:
    """How many checks ended how."""
    counts = {
        state: sum(finding.state is state for finding in findings)
        for state in State
        if any(finding.state is state for finding in findings)
    }
    words = ", ".join(f"{count} {_STATE_WORDS[state]}" for state, count in counts.items())
    return f"doctor  {words}"


def findings_notes(findings: Iterable[Finding]) -> list[str]:
    """A line for each warning and failure."""
    return [
        f"        {_STATE_WORDS[finding.state]} {finding.id}: {printable(finding.found)}"
        for finding in findings
        if finding.state in (State.WARN, State.FAIL)
    ]


def facts_table(facts: dict[str, Any]) -> Table:
    """Every known fact, nested names joined by dots."""
    table = _table("fact", "value")
    for name, value in _flat("", facts):
        table.add_row(name, printable(value))
    return table


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), item)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _flat(f"{prefix}.{index}", item)
    elif isinstance(value, list):
        yield prefix, " ".join(map(str, value)) or "none"
    elif prefix.endswith("_bytes") and isinstance(value, int):
        yield prefix, f"{value} ({format_bytes(value)})"
    elif value is not None:
        yield prefix, str(value)


def checks_table(checks: Iterable[Check]) -> Table:
    """Worst error against tolerance, one row a check."""
    table = _table("verify", "dtype", "worst error", "tolerance", "verdict", "error is")
    for column in (2, 3):
        table.columns[column].justify = "right"
    for check in checks:
        error = "not finite" if check.worst_error is None else f"{check.worst_error:.2e}"
        verdict = "ok" if check.ok else "WRONG"
        row = (check.name, check.dtype, error, f"{check.tolerance:.2e}", verdict, check.metric)
        table.add_row(*row)
    return table


def checks_line(checks: Sequence[Check]) -> str:
    """How many comparisons passed, or which did not."""
    wrong = [check for check in checks if not check.ok]
    if wrong:
        names = ", ".join(f"{check.name} {check.dtype}" for check in wrong)
        return f"verify  {len(wrong)} of {len(checks)} comparisons with float64 are WRONG: {names}"
    dtypes = ", ".join(dict.fromkeys(check.dtype for check in checks))
    return f"verify  {len(checks)} comparisons with float64 agree ({dtypes})"


def loss_line(step: int, loss: float) -> str:
    """The chapter's own format: print("Iteration: ", t, "\\t", "Loss: ", loss)."""
    return f"Iteration:  {step} \t Loss:  {loss}"


def engine_line(name: str, reason: str) -> str:
    """Which engine trains, and why."""
    return f"engine  {name} ({reason})"


def train_line(result: TrainResult) -> str:
    """Time and loss of a training run, and its engine where that is not the chapter's loop."""
    name = result.preset or "custom"
    engine = "" if result.engine == "eager" else f" {result.engine}"
    step = result.median_step_sec
    speed = f"{format_seconds(step)} a step" if step is not None else "already finished"
    loss = "no loss" if result.final_loss is None else f"loss {result.final_loss:.4g}"
    return f"train   {name} {result.dtype}{engine}: {len(result.losses)} steps, {speed}, {loss}"


def cases_table(cases: Iterable[Case]) -> Table:
    """The rate of every case and how near its limits that is, or why there is none."""
    table = _table(*CASE_COLUMNS)
    for column in CASE_NUMBERS:
        table.columns[column].justify = "right"
    for case in cases:
        table.add_row(*case_row(case))
    return table


def case_row(case: Case) -> tuple[str, ...]:
    """A case in the words of CASE_COLUMNS."""
    median, rating = case.median_sec, case.rating
    peak, ceiling = (rating.peak_share, rating.ceiling_share) if rating else (None, None)
    return (
        f"{case.kind} {_size(case)}",
        case.dtype,
        case_rate(case) or "-",
        "-" if median is None else format_seconds(median),
        _half_width(case.timing),
        _percent(peak),
        _percent(ceiling),
        rating.regime.removesuffix("-bound") if rating else "-",
        _percent(case.error_share),
        _note(case),
    )


def case_rate(case: Case) -> str | None:
    """GFLOP/s, or GB/s of what only moves; None without a speed."""
    if case.gflops is not None:
        return f"{format_rate(case.gflops)} GFLOP/s"
    if case.gbs is not None and case.kind is not Kind.LAUNCH:
        return f"{format_rate(case.gbs)} GB/s"
    return None


def _size(case: Case) -> str:
    """Bytes of what only moves, edges of what computes."""
    moves = case.kind in (Kind.COPY, Kind.TO_DEVICE, Kind.TO_HOST)
    return format_bytes(case.bytes) if moves else case.label


def _half_width(timing: Timing | None) -> str:
    interval, middle = (timing.interval_sec, timing.median_sec) if timing else (None, None)
    return f"±{(interval[1] - interval[0]) / 2 / middle:.1%}" if interval and middle else "-"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _note(case: Case) -> str:
    if case.status is not CaseStatus.OK:
        return f"{case.status.value.replace('_', ' ')}: {case.reason}"
    return (case.timing.doubt if case.timing else None) or ""


def search_line(
    dtype: str, confirmed: Sequence[Evaluation], evaluated: int, candidates: int
) -> str:
    """The fastest shape that a search found, and what it took."""
    effort = f"{evaluated} of {candidates} shapes tried"
    if not confirmed:
        return f"search  {dtype}: none ran, {effort}: raise --budget"
    best = confirmed[0]
    others = ", ".join(f"{one.shape} {format_rate(one.gflops or 0)}" for one in confirmed[1:])
    then = f", before {others}" if others else ""
    rate = f"{format_rate(best.gflops or 0)} GFLOP/s"
    return f"search  {dtype}: {best.shape} is fastest at {rate}{then}; {effort}"


def method_lines(cases: Iterable[Case], ceilings: Ceilings) -> list[str]:
    """How the cases were timed, what timing cost, and what the percentages are of."""
    timings = [case.timing for case in cases if case.timing and case.kind is not Kind.LAUNCH]
    if not timings:
        return []
    methods = ", ".join(sorted({f"{timing.method} ({timing.cache} caches)" for timing in timings}))
    overhead = max(timing.overhead_sec / (timing.median_sec or 1) for timing in timings)
    peak = ceilings.peak_source or "none known for this device"
    return [
        f"timed   by {methods}; timing itself takes at most {overhead:.2%} of a call",
        f"peak    {printable(peak)}",
        "ceiling the best product measured here, the bandwidth of the copy, the time of a launch",
    ]


def doubt_lines(cases: Sequence[Case]) -> list[str]:
    """A word of doubt where results are worse than their digits."""
    doubted = sum(bool(case.timing and case.timing.doubt) for case in cases)
    if not doubted:
        return []
    return [
        f"doubt   {doubted} of {len(cases)} cases, see the notes: something else keeps this "
        "machine busy, or the budget is short: repeat when it is idle, with more --budget"
    ]


def best_rates(cases: Iterable[Case]) -> dict[str, float]:
    """The highest GFLOP/s of each dtype."""
    best: dict[str, float] = {}
    for case in cases:
        if case.gflops is not None and case.kind is Kind.MATMUL:
            best[case.dtype] = max(case.gflops, best.get(case.dtype, 0.0))
    return best


def rates_line(cases: Iterable[Case]) -> str:
    """The best rate of each dtype in one line."""
    rates = [f"{dtype} {format_rate(rate)}" for dtype, rate in best_rates(cases).items()]
    return f"GFLOP/s {', '.join(rates) or 'none measured'}"


def verdict_line(
    code: ExitCode,
    device: DeviceInfo,
    cases: Sequence[Case],
    trained: Sequence[TrainResult],
) -> str:
    """The whole run in one line: verdict, device, rates, step times and losses."""
    verdicts = {
        ExitCode.OK: "PASS",
        ExitCode.WRONG_NUMBERS: "WRONG NUMBERS",
        ExitCode.UNFIT: "UNFIT",
    }
    trainings = ", ".join(
        f"{result.preset} {format_seconds(result.median_step_sec)} a step to loss "
        f"{result.final_loss:.3g}"
        for result in trained
        if result.final_loss is not None and result.median_step_sec is not None
    )
    name = f"{device.torch_name} {printable(device.name)}"
    return f"{verdicts[code]}  {name}: {rates_line(cases)}; {trainings}"


def _table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, no_wrap=header not in ("found", "note", "error is"))
    return table
