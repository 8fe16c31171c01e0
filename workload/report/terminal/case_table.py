"""Cases as tables and lines for a terminal."""

from collections.abc import Iterable, Sequence

from workload.core.case_titles import case_title, full_title
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.device import DeviceInfo
from workload.core.models.rating import Ceilings
from workload.core.models.timing import Timing
from workload.core.units import format_rate, format_seconds, plural, printable, some
from workload.report.terminal.budget import Budget
from workload.report.terminal.tables import Grid, labelled

CASE_COLUMNS = (
    "case",
    "dtype",
    "rate",
    "median ±",
    "% peak",
    "% ceiling",
    "bound by",
    "error/tol",
)
CASE_NUMBERS = ("rate", "median ±", "% peak", "% ceiling", "error/tol")
OPTIONAL_COLUMNS = ("bound by", "error/tol", "% peak")

WHOLE = 0.0995  # a half width above this is shown in whole percents
MANY_TIMES = 100  # a share of at least this is shown as a factor

# A share of the ceiling. On an idle CPU, a step of the preset `book` reaches a third of it.
SLOW_STEP = 0.1
_NOT_RUN = {
    CaseStatus.WRONG: "wrong numbers",
    CaseStatus.INVALID: "not valid",
    CaseStatus.EMULATED: "no speed",
    CaseStatus.SKIPPED: "skipped, no time left",
    CaseStatus.DOES_NOT_FIT: "does not fit memory",
    CaseStatus.NOT_APPLICABLE: "not supported",
    CaseStatus.INTERRUPTED: "interrupted",
}


def cases_table(cases: Iterable[Case]) -> Grid:
    """Return a table of the cases that ran, with their rates and shares of peak and ceiling."""
    rows = tuple(case_row(case) for case in cases if case.status is CaseStatus.OK)
    return Grid(CASE_COLUMNS, rows, CASE_NUMBERS, OPTIONAL_COLUMNS)


def case_row(case: Case) -> tuple[str, ...]:
    """Return the row of one case, in the order of CASE_COLUMNS."""
    rating = case.rating
    peak, ceiling = (rating.peak_share, rating.ceiling_share) if rating else (None, None)
    return (
        case_title(case),
        case.dtype,
        case_rate(case) or "-",
        median_words(None if case.status is CaseStatus.EMULATED else case.timing),
        percent(peak),
        percent(ceiling),
        rating.regime.removesuffix("-bound") if rating and rating.regime else "-",
        used(case.error_share),
    )


def case_rate(case: Case) -> str | None:
    """Return the rate in GFLOP/s or, for a copy, in GB/s; None if the case has no rate."""
    if case.gflops is not None:
        return f"{format_rate(case.gflops)} GFLOP/s"
    if case.gbs is not None and case.kind is not Kind.LAUNCH:
        return f"{format_rate(case.gbs)} GB/s"
    return None


def median_words(timing: Timing | None) -> str:
    """Return the median and half the width of its interval: `11.7 ms ±1.2%`."""
    if timing is None or timing.median_sec is None:
        return "-"
    half = timing.half_width
    if half is None:
        return format_seconds(timing.median_sec)
    return f"{format_seconds(timing.median_sec)} ±{half:.{0 if half > WHOLE else 1}%}"


def percent(share: float | None) -> str:
    """Return a share in percent, a large share as a factor, or a dash if the share is None.

    >>> percent(0.994), percent(1e308)
    ('99%', '1e+308 times')
    """
    if share is None:
        return "-"
    return f"{share:.0%}" if share < MANY_TIMES else f"{share:.3g} times"


def used(share: float | None) -> str:
    """Return a share of a tolerance in percent; a share below 1 is shown as at most 99%."""
    return percent(min(share, 0.99) if share is not None and share < 1 else share)


def case_note(case: Case) -> str:
    """Return why a case has no speed, or why its time is less reliable."""
    if case.status is not CaseStatus.OK:
        return f"{case.status.words}: {case.reason}"
    return (case.timing.warning if case.timing else None) or ""


def not_run_lines(cases: Iterable[Case], budget: Budget | None = None) -> list[str]:
    """Return a line for each reason why cases have no speed, with the names of these cases."""
    groups: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda case: list(CaseStatus).index(case.status)):
        if case.status is not CaseStatus.OK:
            groups.setdefault(_why_not_run(case), []).append(case)
    return [printable(_not_run_line(why, groups[why], budget)) for why in groups]


def _why_not_run(case: Case) -> str:
    """Return the reason under which the case is listed."""
    if case.status is CaseStatus.SKIPPED and case.needed_sec is None:
        return f"skipped, {case.reason}"  # for example the device was lost
    return _NOT_RUN[case.status]


def _not_run_line(why: str, cases: Sequence[Case], budget: Budget | None) -> str:
    if any(case.needed_sec is not None for case in cases):
        named = some(
            f"{full_title(case)} ({format_seconds(case.needed_sec or 0)})" for case in cases
        )
        return f"{why}: {named}{_budget_hint(cases, budget)}"
    if why.endswith(cases[0].reason or "-"):
        return f"{why}: {some(map(full_title, cases))}"
    return f"{why}: {some(f'{full_title(case)} ({case.reason})' for case in cases)}"


def _budget_hint(cases: Sequence[Case], budget: Budget | None) -> str:
    """Return a hint with a budget that is enough for the cases; empty if it is unknown."""
    seconds = budget.enough_for(cases) if budget else None
    if budget is None or seconds is None:
        return ""
    return f"; {budget.option} {seconds} runs {'it' if len(cases) == 1 else 'them'}"


def legend_lines(cases: Iterable[Case], ceilings: Ceilings) -> list[str]:
    """Return lines that explain how the cases were timed and what the columns mean."""
    timings = [case.timing for case in cases if case.timing and case.kind is not Kind.LAUNCH]
    if not timings:
        return []
    methods = ", ".join(sorted({f"{timing.method}, {timing.cache} caches" for timing in timings}))
    overhead = max(timing.overhead_sec / (timing.median_sec or 1) for timing in timings)
    return [
        labelled("timed by", f"{methods}; the timer adds at most {overhead:.2%} to a call"),
        labelled("±", "half the width of the median's 95% confidence interval"),
        labelled("% peak", printable(ceilings.peak_source or "no peak is known for this device")),
        labelled("% ceiling", f"of what was measured here: {_measured_limits(ceilings)}"),
        labelled("error/tol", "the largest error as a share of its tolerance"),
    ]


def _measured_limits(ceilings: Ceilings) -> str:
    known = {
        "the best GFLOP/s of each dtype": ceilings.measured_gflops,
        "the copy's bandwidth": ceilings.measured_gbs,
        "the launch's time": ceilings.launch_sec,
    }
    return ", ".join(words for words, limit in known.items() if limit) or "nothing usable"


def warning_lines(cases: Sequence[Case], budget: Budget | None = None) -> list[str]:
    """Return lines for contended, noisy or otherwise uncertain times, and for slow steps."""
    timed = [
        (case, case.timing)
        for case in cases
        if case.timing and case.status is not CaseStatus.EMULATED
    ]
    warned = [(case, timing) for case, timing in timed if timing.warning]
    noisy = [(case, timing) for case, timing in warned if timing.noisy and not timing.contended]
    others = [case for case, timing in warned if not (timing.noisy or timing.contended)]
    lines = _contended_lines([case for case, _ in warned], len(timed))
    total = plural(len(timed), "case")
    fix = f"repeat on an idle machine{f' or raise {budget.option}' if budget else ''}"
    if noisy:
        most = max(timing.spread or 0.0 for _, timing in noisy)
        names = some(full_title(case) for case, _ in noisy)
        lines.append(f"noisy in {len(noisy)} of {total}, IQR up to {most:.0%}: {names}; {fix}")
    if others:
        names = some(f"{full_title(case)} ({case_note(case)})" for case in others)
        lines.append(f"uncertain in {len(others)} of {total}: {names}; {fix}")
    return [*lines, *_slow_steps(cases)]


def _contended_lines(cases: Iterable[Case], timed: int) -> list[str]:
    """Return a line for each cause of waits, with the largest share of a case's time."""
    groups: dict[str, list[tuple[float, str]]] = {}
    for case in cases:
        waits = case.timing.waits if case.timing and case.timing.contended else None
        if waits and waits.main_cause:
            share, cause = waits.main_cause
            groups.setdefault(cause, []).append((share, full_title(case)))
    return [
        f"contended in {len(found)} of {plural(timed, 'case')} ({cause} up to "
        f"{max(found)[0]:.0%} of the time): {some(name for _, name in found)}; repeat on idle CPUs"
        for cause, found in groups.items()
    ]


def _slow_steps(cases: Iterable[Case]) -> list[str]:
    """Return a line for training steps that are far below the measured ceiling."""
    slow = [
        f"{full_title(case)} ({percent(case.rating.ceiling_share)})"
        for case in cases
        if case.kind is Kind.TRAIN
        and case.rating
        and case.rating.ceiling_share is not None
        and case.rating.ceiling_share < SLOW_STEP
    ]
    if not slow:
        return []
    return [f"slow, far below the measured ceiling: {some(slow)}; repeat on idle CPUs"]


def best_rates(cases: Iterable[Case]) -> dict[str, float]:
    """Return the highest GFLOP/s of a matmul for each dtype."""
    best: dict[str, float] = {}
    for case in cases:
        if case.gflops is not None and case.kind is Kind.MATMUL:
            best[case.dtype] = max(case.gflops, best.get(case.dtype, 0.0))
    return best


def busy_lines(device: DeviceInfo, cases: Iterable[Case]) -> list[str]:
    """Return the warning to print above the best rates if other programs slowed the cases."""
    timed = [case.timing for case in cases if case.timing]
    contended = sum(bool(timing.contended) for timing in timed)
    reasons = [f"{contended} of {len(timed)} cases are contended"] if contended else []
    if device.swept_contended:
        reasons.append(f"{plural(device.threads, 'thread')} chosen under load")
    if not reasons:
        return []
    words = f"other programs ran ({', '.join(reasons)}): the machine may be faster than measured"
    return [labelled("warning", f"{words}; repeat on idle CPUs")]
