"""Build one self-contained HTML page from runs."""

from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

from workload.compare.agreement import disagreements
from workload.compare.run import Run
from workload.core.units import DTYPE_BYTES, format_rate
from workload.report.page import environment, speed_figures, time_figures, verdicts
from workload.report.page.figures import Figure
from workload.report.page.subjects import (
    Subject,
    by_record,
    file_of,
    pair,
    short,
    speedups,
    subjects,
)
from workload.report.terminal import rank_lines, rank_table
from workload.report.terminal.case_table import (
    CASE_COLUMNS,
    CASE_NUMBERS,
    best_rates,
    case_note,
    case_row,
)

MAX_HISTORY = 60
MAX_PROBLEMS = 40
MAX_SPEEDUPS, MAX_UNPAIRED = 200, 20
MAX_TEXT = 240  # characters; longer text from a file is cut


def build_page(runs: Sequence[Run], problems: Sequence[str] = ()) -> str:
    """Return the page about `runs`, which must be sorted from the newest to the oldest.

    `problems` has a line for each file that was left out.
    """
    from markupsafe import Markup  # noqa: PLC0415  few commands need it

    # Not escaped: the style sheet of this package, and the drawings that pygal serialized.
    style = Markup(_asset("page.css"))  # noqa: S704  a file of this package
    return render("page.html.jinja", **_facts(runs, problems), style=style, drawing=Markup)


def render(name: str, **values: Any) -> str:
    """Render a template of this folder. All text is escaped."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  few commands need it

    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(_asset(name))
    return template.render(values)


def _asset(name: str) -> str:
    return resources.files("workload.report.page").joinpath(name).read_text("utf-8")


def _facts(runs: Sequence[Run], problems: Sequence[str]) -> dict[str, Any]:
    chosen, records = subjects(runs), by_record(runs)
    cards = [verdicts.card(subject) for subject in chosen]
    both = pair(chosen)
    disagreeing = disagreements(both[0].run.trainings, both[1].run.trainings) if both else []
    state, sentence = verdicts.headline(cards, disagreeing)
    return {
        "state": state,
        "headline": sentence,
        "cards": cards,
        "several": _several(runs),
        "missing": verdicts.missing(chosen),
        "newest": f"{runs[0].started_at:%Y-%m-%d %H:%M} UTC" if runs else None,
        "count": len(records),
        "agreement": verdicts.agreement_sentence(disagreeing),
        **_comparison(both),
        **_figures(chosen),
        "case_columns": (*CASE_COLUMNS, "note"),
        "case_numbers": [CASE_COLUMNS.index(header) for header in CASE_NUMBERS],
        "case_tables": [(subject.name, _cases(subject)) for subject in chosen if subject.cases],
        "devices": [subject.title for subject in chosen],
        "environment": environment.short_table(chosen),
        "every_fact": environment.full_table(chosen),
        "dtypes": tuple(DTYPE_BYTES),
        "history": [_history_row(ranks) for ranks in records[:MAX_HISTORY]],
        "problems": [short(problem, MAX_TEXT) for problem in problems[:MAX_PROBLEMS]],
        "more_problems": max(0, len(problems) - MAX_PROBLEMS),
    }


def _comparison(both: tuple[Subject, Subject] | None) -> dict[str, Any]:
    found, unpaired = speedups(*both) if both else ([], [])
    return {
        "speedups": found[:MAX_SPEEDUPS],
        "unpaired": unpaired[:MAX_UNPAIRED],
        "more_unpaired": max(0, len(unpaired) - MAX_UNPAIRED),
        "speed_sentence": verdicts.speed_sentence(found),
        "speed_figure": speed_figures.speedup_chart(found, *both) if both else None,
        "one_machine": _is_beside(*both) if both else False,
    }


def _is_beside(cpu: Subject, gpu: Subject) -> bool:
    """Return whether the GPU's run measured this CPU too."""
    host = gpu.run.host
    return bool(host and host.device and host.device.name == cpu.device.name)


def _figures(chosen: Sequence[Subject]) -> dict[str, list[Figure] | str]:
    steps = time_figures.step_times(chosen)
    return {
        "rooflines": [one for one in map(speed_figures.roofline, chosen) if one],
        "rates": [one for one in map(speed_figures.rates, chosen) if one],
        "losses": time_figures.losses(chosen),
        "steps": [steps] if steps else [],
        "telemetry": [one for subject in chosen for one in time_figures.telemetry(subject)],
        "conditions": " ".join(filter(None, map(time_figures.conditions, chosen))),
    }


def _cases(subject: Subject) -> list[tuple[str, ...]]:
    rows = [(*case_row(case), case_note(case)) for case in subject.cases]
    return _short(
        [tuple(environment.UNKNOWN if text == "-" else text for text in row) for row in rows]
    )


def _short(rows: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    return [tuple(short(text, MAX_TEXT) for text in row) for row in rows]


def _several(runs: Sequence[Run]) -> dict[str, Any] | None:
    """Return a table of the ranks of the newest run on several devices; None without one."""
    ranks = next((run.ranks for run in runs if run.ranks), ())
    if not ranks:
        return None
    stressed = any(rank.deep for rank in ranks)
    grid = rank_table.stressed_table(ranks) if stressed else rank_table.measured_table(ranks)
    return {
        "columns": grid.headers,
        "numbers": [index for index, name in enumerate(grid.headers) if name in grid.numbers],
        "rows": _short(grid.rows),
        "statistics": _short(grid.footer),
        "notes": [line.split(maxsplit=1) for line in rank_lines.notes(ranks)],
    }


def _history_row(ranks: Sequence[Run]) -> dict[str, Any]:
    """Return the row of one record. If any rank failed, the first of `ranks` must have failed."""
    run = ranks[0]
    device = short(run.device.name, 40) if run.device else environment.UNKNOWN
    rates = [best_rates(rank.cases) for rank in ranks]
    return {
        "started": f"{run.started_at:%Y-%m-%d %H:%M}",
        "kind": run.kind,
        "device": f"{len(run.ranks)} × {device}" if run.ranks else device,
        "status": run.status if not run.exit_code else f"{run.status}, exit {run.exit_code}",
        "rates": [
            _range([rate[dtype] for rate in rates if dtype in rate]) for dtype in DTYPE_BYTES
        ],
        "source": short(file_of(run), 80),
    }


def _range(rates: Sequence[float]) -> str:
    """Return the rate or, for several ranks, the lowest and the highest rate."""
    if not rates:
        return environment.UNKNOWN
    return " – ".join(dict.fromkeys((format_rate(min(rates)), format_rate(max(rates)))))
