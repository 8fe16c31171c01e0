"""A comparison as words and a table: for a terminal, in Markdown, as a page. Pure.

The words are made once. Names come from files that may hold anything: no format lets them be
more than text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from rich.table import Table

from workload.compare import Basis, Comparison, Party, Speed, Verdict, some
from workload.compare.intervals import Span
from workload.compare.speeds import MARGIN, Reached
from workload.core.units import format_rate, format_seconds, printable
from workload.report.terminal.summary import device_words
from workload.report.terminal.tables import new_table

SHOWN_VERSIONS = ("torch", "cuda", "cudnn", "workload")
_BASIS_WORDS = {
    Basis.PAIRED: "Student's t over pairs of process runs, each taken for its lowest tenth",
    Basis.WELCH: "Welch's, over the process runs of each side, each taken for its lowest tenth",
    Basis.ONE_RUN: (
        "of medians within one process run: drift between processes is not in it, so the true "
        "one is wider; record several runs a side, in turns"
    ),
}
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
div { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #8884; text-align: left;
  white-space: nowrap }
td:last-child { white-space: normal; min-width: 12rem }
dt { font-weight: 600 }
dd { margin-left: 0 }
.FASTER { background: #2a72 } .SLOWER { background: #c332 } .UNCLEAR { background: #a822 }
"""


@dataclass(frozen=True)
class Words:
    """What is said in any format: labelled lines, a table of words, labelled lines.

    `marks` are the rows' verdicts.
    """

    before: list[tuple[str, str]]
    headers: list[str]
    rows: list[list[str]]
    marks: list[Verdict]
    after: list[tuple[str, str]]


def words_of(comparison: Comparison) -> Words:
    """Who A and B are, every case, and what may be said of them all."""
    columns = _columns(comparison.speeds)
    return Words(
        before=[("A", _party(comparison.a)), ("B", _party(comparison.b))],
        headers=list(columns),
        rows=[list(row) for row in zip(*columns.values(), strict=True)],
        marks=[speed.verdict for speed in comparison.speeds],
        after=list(_conclusions(comparison)),
    )


def speeds_table(speeds: Sequence[Speed]) -> Table:
    """Every case, for a terminal."""
    columns = _columns(speeds)
    table = new_table(*columns)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def lines(labelled: list[tuple[str, str]]) -> list[str]:
    """Labelled lines for a terminal."""
    return [f"{label:<12} {text}" for label, text in labelled]


def markdown(words: Words) -> str:
    """A document that GitHub and others lay out."""
    header, *rows = [
        f"| {' | '.join(map(_markdown_text, row))} |" for row in (words.headers, *words.rows)
    ]
    rule = "|" + " --- |" * len(words.headers)
    before, after = (
        [f"- **{label}** {_markdown_text(text)}" for label, text in labelled]
        for labelled in (words.before, words.after)
    )
    return "\n".join([*before, "", header, rule, *rows, "", *after, ""])


def _markdown_text(text: str) -> str:
    """Every mark that Markdown or HTML might take for its own, escaped."""
    return re.sub(r"([\\`*_{}\[\]<>|#!~&$])", r"\\\1", text)


def html(words: Words) -> str:
    """A page that needs nothing beside it. The tree's writer escapes all text."""
    page = ElementTree.Element("html", lang="en")
    head, body = ElementTree.SubElement(page, "head"), ElementTree.SubElement(page, "body")
    ElementTree.SubElement(head, "meta", charset="utf-8")
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    ElementTree.SubElement(head, "meta", viewport)
    ElementTree.SubElement(head, "title").text = "workload compare"
    ElementTree.SubElement(head, "style").text = _STYLE
    ElementTree.SubElement(body, "h1").text = "workload compare"
    _add_list(body, words.before)
    table = ElementTree.SubElement(ElementTree.SubElement(body, "div"), "table")
    _add_row(table, "th", words.headers)
    for row, mark in zip(words.rows, words.marks, strict=True):
        _add_row(table, "td", row).set("class", mark.value)
    _add_list(body, words.after)
    return "<!doctype html>\n" + ElementTree.tostring(page, "unicode", method="html") + "\n"


def _add_row(table: ElementTree.Element, kind: str, cells: list[str]) -> ElementTree.Element:
    row = ElementTree.SubElement(table, "tr")
    for cell in cells:
        ElementTree.SubElement(row, kind).text = cell
    return row


def _add_list(body: ElementTree.Element, labelled: list[tuple[str, str]]) -> None:
    described = ElementTree.SubElement(body, "dl")
    for label, text in labelled:
        ElementTree.SubElement(described, "dt").text = label
        ElementTree.SubElement(described, "dd").text = text


def _columns(speeds: Sequence[Speed]) -> dict[str, list[str]]:
    """The table's columns by their headers; the time of transfers only where there is one."""
    columns = {
        "case": [printable(speed.name) for speed in speeds],
        "A": [_rate(speed, speed.a) for speed in speeds],
        "B": [_rate(speed, speed.b) for speed in speeds],
        "speed-up": [times_words(speed.speedup) for speed in speeds],
        "95 %": [span_words(speed.interval) for speed in speeds],
        "verdict": [speed.verdict.value for speed in speeds],
        "with transfers": [times_words(speed.speedup_with_transfers) for speed in speeds],
        "error/tol A, B": [_both(speed, _error) for speed in speeds],
        "bound by A, B": [_both(speed, _regime) for speed in speeds],
        "note": [_note(speed) for speed in speeds],
    }
    if all(speed.speedup_with_transfers is None for speed in speeds):
        del columns["with transfers"]
    return columns


def _rate(speed: Speed, side: Reached) -> str:
    if speed.unit == "s":
        return format_seconds(side.rate)
    return f"{format_rate(side.rate)} {speed.unit}"


def times_words(ratio: float | None) -> str:
    """A ratio: three decimals near 1, where they matter."""
    if ratio is None:
        return "-"
    return f"{ratio:.3f}" if 0.1 <= ratio < 10 else f"{ratio:.3g}"  # noqa: PLR2004  near 1


def span_words(span: Span | None) -> str:
    """An interval of ratios."""
    return f"{times_words(span[0])} to {times_words(span[1])}" if span else "-"


def _both(speed: Speed, show: Callable[[Reached], str]) -> str:
    return f"{show(speed.a)}, {show(speed.b)}"


def _error(side: Reached) -> str:
    return "-" if side.error_share is None else f"{side.error_share:.0%}"


def _regime(side: Reached) -> str:
    return side.regime.removesuffix("-bound") if side.regime else "-"


def _note(speed: Speed) -> str:
    """Why nothing can be said, where that is so, and what there is to doubt of either side."""
    if speed.interval is None:
        return "too few samples for an interval"
    sides = (("A", speed.a), ("B", speed.b))
    return "; ".join(f"{name} {side.warning}" for name, side in sides if side.warning)


def _party(party: Party) -> str:
    """Where the runs come from, and what they ran on."""
    runs = f"{party.runs} process run{'s' if party.runs > 1 else ''}"
    driver = f"driver {party.device.driver}" if party.device.driver else None
    varied = f"threads differ: {', '.join(map(str, party.threads))}"
    versions = [
        f"{name} {' and '.join(party.versions[name])}"
        for name in SHOWN_VERSIONS
        if name in party.versions
    ]
    parts = [device_words(party.device), driver, varied if len(party.threads) > 1 else None]
    return printable(", ".join([*filter(None, parts), *versions, f"{runs} in {party.name}"]))


def _conclusions(comparison: Comparison) -> Iterator[tuple[str, str]]:
    for basis in dict.fromkeys(speed.basis for speed in comparison.speeds):
        yield "interval", _BASIS_WORDS[basis]
    for doubt in _warnings(comparison):
        yield "warning", doubt
    for refusal in comparison.refusals:
        yield "not compared", printable(f"{refusal.name}: {refusal.reason}")
    for side, names in (("A", comparison.only_in_a), ("B", comparison.only_in_b)):
        if names:
            yield f"only in {side}", printable(some(names))
    yield "agreement", _agreement(comparison)
    yield "summary", summary(comparison)


def _warnings(comparison: Comparison) -> Iterator[str]:
    if comparison.interleaved is False:
        yield (
            "one side was over before the other began: drift of the machine may look like a "
            "difference; record the runs in turns"
        )
    if comparison.varied_threads:
        counts = " and ".join(map(str, comparison.varied_threads))
        yield f"the runs of this CPU had {counts} threads: a difference may come from that alone"


def _agreement(comparison: Comparison) -> str:
    worst = comparison.worst_disagreement
    if worst is None:
        return "not known: no losses of the same training on both sides"
    error = "not finite" if worst.error is None else f"{worst.error:.2e}"
    verdict = "agree" if worst.ok else "DISAGREE"
    return printable(
        f"losses {verdict}: worst {error} of {worst.tolerance:.2e} allowed ({worst.name})"
    )


def summary(comparison: Comparison) -> str:
    """How many cases ended how; which are unclear."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in comparison.verdicts.items())
    unclear = [speed.name for speed in comparison.speeds if speed.verdict is Verdict.UNCLEAR]
    named = f" ({printable(some(unclear))})" if unclear else ""
    return f"B against A, within ±{MARGIN:.0%} is SAME: {counts}{named}"
