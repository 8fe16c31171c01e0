"""A comparison as labelled lines and a table.

The terminal, Markdown and HTML formats show the same text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from workload.compare import Basis, Comparison, Party, Speed, Verdict
from workload.compare.intervals import Span
from workload.compare.pairing import Excluded
from workload.compare.speeds import MARGIN, Reached
from workload.core.units import format_rate, format_seconds, plural, printable, some
from workload.report.terminal.case_table import used
from workload.report.terminal.summary import architecture_words, device_words
from workload.report.terminal.tables import Grid, labelled

SHOWN_VERSIONS = ("python", "torch", "cuda", "cudnn", "workload")
# The first twelve digits of a digest or an id, as Docker shows them.
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]+")
NUMBERS = ("baseline", "candidate", "speed-up", "95% interval", "with transfers", "error/tol")
OPTIONAL = ("bound by", "error/tol", "with transfers", "95% interval")
_BASIS_WORDS = {
    Basis.PAIRED: "Student's t over pairs of process runs, from the 10% quantile of each run",
    Basis.WELCH: "Welch's t over the process runs of each side, from the 10% quantile of each run",
    Basis.ONE_RUN: (
        "of medians within one process run, without the variation between process runs; to include "
        "it, record several runs of each side alternately"
    ),
}


@dataclass(frozen=True)
class Text:
    """The text of a comparison in any format: a table between labelled lines.

    `marks` are the verdicts of the rows.
    """

    before: list[tuple[str, str]]
    table: Grid
    marks: list[Verdict]
    after: list[tuple[str, str]]


def text_of(comparison: Comparison) -> Text:
    """Return the text: the sides and a summary, a table of the cases, and notes."""
    return Text(
        before=[
            ("baseline", _party(comparison.baseline)),
            ("candidate", _party(comparison.candidate)),
            ("summary", summary(comparison)),
            ("losses", _agreement(comparison)),
        ],
        table=speeds_table(comparison.speeds),
        marks=[speed.verdict for speed in comparison.speeds],
        after=list(_notes(comparison)),
    )


def lines(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return labelled lines for a terminal."""
    return [labelled(label, text) for label, text in pairs]


def speeds_table(speeds: Sequence[Speed]) -> Grid:
    """Return a table of the cases that have a speed on both sides."""
    columns = {
        "case": [printable(speed.title) for speed in speeds],
        "baseline": [rate_words(speed, speed.baseline) for speed in speeds],
        "candidate": [rate_words(speed, speed.candidate) for speed in speeds],
        "speed-up": [times_words(speed.speedup) for speed in speeds],
        "95% interval": [span_words(speed.interval) for speed in speeds],
        "verdict": [speed.verdict.value for speed in speeds],
        "with transfers": [times_words(speed.speedup_with_transfers) for speed in speeds],
        "error/tol": [_both(speed, lambda side: used(side.error_share)) for speed in speeds],
        "bound by": [_both(speed, _regime) for speed in speeds],
    }
    if all(speed.speedup_with_transfers is None for speed in speeds):
        del columns["with transfers"]
    rows = tuple(zip(*columns.values(), strict=True))
    return Grid(tuple(columns), rows, NUMBERS, OPTIONAL)


def rate_words(speed: Speed, side: Reached) -> str:
    """Return the rate of a side, in the unit of the case."""
    if speed.unit == "s":
        return format_seconds(side.rate)
    return f"{format_rate(side.rate)} {speed.unit}"


def times_words(ratio: float | None) -> str:
    """Return a ratio as text: three decimals from 0.1 to 10, else three significant digits."""
    if ratio is None:
        return "-"
    return f"{ratio:.3f}" if 0.1 <= ratio < 10 else f"{ratio:.3g}"  # noqa: PLR2004  near 1


def span_words(span: Span | None) -> str:
    """Return an interval of ratios."""
    return f"{times_words(span[0])} to {times_words(span[1])}" if span else "-"


def _both(speed: Speed, show: Callable[[Reached], str]) -> str:
    """Return the values of both sides, or only one if they are equal."""
    return ", ".join(dict.fromkeys((show(speed.baseline), show(speed.candidate))))


def _regime(side: Reached) -> str:
    return side.regime.removesuffix("-bound") if side.regime else "-"


def _party(party: Party) -> str:
    """Return the device, the versions and the origin of a side's runs."""
    driver = f"driver {party.device.driver}" if party.device.driver else None
    varied = f"threads differ: {', '.join(map(str, party.threads))}"
    versions = [
        f"{name} {' and '.join(party.versions[name])}"
        for name in SHOWN_VERSIONS
        if name in party.versions
    ]
    parts = [
        device_words(party.device),
        architecture_words(party.device),
        driver,
        varied if len(party.threads) > 1 else None,
        _DIGEST.sub(r"\1", " and ".join(party.places)),
        *versions,
        f"{plural(party.runs, 'process run')} in {party.name}",
    ]
    return printable(", ".join(filter(None, parts)))


def summary(comparison: Comparison) -> str:
    """Return the number of cases with each verdict, and the unclear cases."""
    if not comparison.speeds:
        return "no case could be compared"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in comparison.verdicts.items())
    unclear = [speed.title for speed in comparison.speeds if speed.verdict is Verdict.UNCLEAR]
    named = f" (unclear: {printable(some(unclear))})" if unclear else ""
    what = f"the candidate is compared with the baseline, and SAME means within ±{MARGIN:.0%}"
    return f"{counts}{named}; {what}"


def _agreement(comparison: Comparison) -> str:
    worst = comparison.worst_disagreement
    if worst is None:
        return "not compared: the sides have no training in common"
    error = "not finite" if worst.error is None else f"{worst.error:.2e}"
    verdict = "agree" if worst.ok else "DISAGREE"
    return printable(
        f"{verdict}: largest error {error}, {worst.tolerance:.2e} allowed ({worst.name})"
    )


def _notes(comparison: Comparison) -> Iterator[tuple[str, str]]:
    for warning in _warnings(comparison):
        yield "warning", warning
    yield from _noise([speed for speed in comparison.speeds if not speed.unjudged])
    yield from _unjudged(comparison)
    for problem, unpaired in grouped(comparison.unpaired).items():
        yield "unpaired", printable(f"{problem}: {some(one.words for one in unpaired)}")
    for side, titles in (
        ("baseline", comparison.only_in_baseline),
        ("candidate", comparison.only_in_candidate),
    ):
        if titles:
            yield "unpaired", printable(f"only in the {side}: {some(titles)}")
    for basis in dict.fromkeys(speed.basis for speed in comparison.speeds):
        yield "interval", _BASIS_WORDS[basis]
    if advice := "; ".join(_advice(comparison)):
        yield "to do", advice


def _advice(comparison: Comparison) -> Iterator[str]:
    """Return what to do for cases that are not judged or whose interval is too wide."""
    found = comparison.verdicts
    if Verdict.UNJUDGED in found:
        yield "UNJUDGED: remove the causes listed above, then measure both sides again"
    if Verdict.UNCLEAR in found:
        yield (
            "UNCLEAR: measure both sides again on an idle machine, with a larger --budget or as "
            "several alternating runs"
        )


def _warnings(comparison: Comparison) -> Iterator[str]:
    if comparison.same_files:
        many = len(comparison.baseline.sources) > 1
        yield f"baseline and candidate are the same file{'s' if many else ''}"
    if comparison.interleaved is False:
        yield (
            "the runs of one side ended before the other's began, and a change of the machine's "
            "speed in between may look like a difference; record the runs alternately"
        )
    if comparison.varied_threads:
        counts = " and ".join(map(str, comparison.varied_threads))
        yield f"the runs of this CPU used {counts} threads; this alone may make a difference"
    for difference in comparison.differences:
        yield printable(f"{difference}: it changes {difference.changes}")


def _noise(speeds: Sequence[Speed]) -> Iterator[tuple[str, str]]:
    """Return a warning for each side that has judged cases with unreliable times."""
    sides: tuple[tuple[str, Callable[[Speed], Reached]], ...] = (
        ("baseline", lambda speed: speed.baseline),
        ("candidate", lambda speed: speed.candidate),
    )
    for name, side in sides:
        noisy = [speed.title for speed in speeds if side(speed).warning]
        if noisy:
            counted = f"noisy or unsteady in the {name}: {len(noisy)} of {len(speeds)}"
            yield "warning", printable(f"{counted} ({some(noisy)})")


def _unjudged(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Return a line for each problem, with the paired cases that are not judged because of it."""
    unpaired = {one.name for one in comparison.unpaired}
    shown = [one for one in comparison.unjudged if one.name not in unpaired]
    for problem, cases in grouped(shown).items():
        yield "unjudged", printable(f"{problem}: {some(case.words for case in cases)}")


def grouped(cases: Iterable[Excluded]) -> dict[str, list[Excluded]]:
    """Group cases by their problem."""
    groups: dict[str, list[Excluded]] = {}
    for one in cases:
        groups.setdefault(one.problem, []).append(one)
    return groups
