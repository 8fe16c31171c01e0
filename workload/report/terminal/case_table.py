"""Cases as words and tables for a terminal. Pure: nothing here prints."""

from collections.abc import Iterable, Sequence

from rich.table import Table

from workload.core.cases import Case, CaseStatus, Ceilings, Kind, Timing
from workload.core.units import format_bytes, format_rate, format_seconds, printable
from workload.report.terminal.tables import new_table

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


def cases_table(cases: Iterable[Case]) -> Table:
    """The rate of every case and how near its limits that is, or why there is none."""
    table = new_table(*CASE_COLUMNS)
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
        percent(peak),
        percent(ceiling),
        rating.regime.removesuffix("-bound") if rating else "-",
        percent(case.error_share),
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


def percent(share: float | None) -> str:
    """A share in whole percents, a dash where it is unknown."""
    return "-" if share is None else f"{share:.0%}"


def _note(case: Case) -> str:
    if case.status is not CaseStatus.OK:
        return f"{case.status.words}: {case.reason}"
    return (case.timing.warning if case.timing else None) or ""


def search_line(dtype: str, fastest: Sequence[tuple[str, float]], tried: int, grid: int) -> str:
    """Return the fastest shape that a search found, and how many shapes it tried.

    `fastest` holds shapes with their GFLOP/s, the fastest first.
    """
    effort = f"{tried} of {grid} shapes tried"
    if not fastest:
        return f"search  {dtype}: none ran, {effort}: raise --budget"
    (best, rate), *others = fastest
    then = "".join(f", then {shape} {format_rate(gflops)}" for shape, gflops in others)
    return f"search  {dtype}: {best} is fastest at {format_rate(rate)} GFLOP/s{then}; {effort}"


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
        f"ceiling {_ceiling_words(ceilings)}",
    ]


def _ceiling_words(ceilings: Ceilings) -> str:
    known = {
        "the fastest case of each dtype here (itself at 100%)": ceilings.measured_gflops,
        "the copy's bandwidth": ceilings.measured_gbs,
        "the launch's time": ceilings.launch_sec,
    }
    return ", ".join(words for words, limit in known.items() if limit) or "none was measured"


def warning_lines(cases: Sequence[Case]) -> list[str]:
    """A word of doubt where results are worse than their digits."""
    doubted = sum(bool(case.timing and case.timing.warning) for case in cases)
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
