"""Runs in, one self-contained HTML page out: facts for the template, nothing else. Pure."""

from collections.abc import Sequence
from importlib import resources
from typing import Any

from workload.render_cases import CASE_COLUMNS, CASE_NUMBERS, best_rates, case_row
from workload.report import environment, speed_figures, time_figures, verdicts
from workload.report.figures import Figure
from workload.report.loading import Run
from workload.report.speedups import speedups
from workload.report.subjects import Subject, pair, short, subjects
from workload.units import DTYPE_BYTES, format_rate

MAX_HISTORY = 60
MAX_PROBLEMS = 40
MAX_WORDS = 240  # of a sentence that comes from a file


def build_page(runs: Sequence[Run], problems: Sequence[str] = ()) -> str:
    """The page about `runs`, newest first; `problems` are of files that were left out."""
    # Only a report needs it.
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(_asset("page.html.jinja"))
    # Both are ours: the style sheet as it lies here, drawings as the library serialized them.
    style = Markup(_asset("page.css"))  # noqa: S704  a file of this package
    return template.render(_facts(runs, problems), style=style, drawing=Markup)


def _asset(name: str) -> str:
    return resources.files("workload.report").joinpath(name).read_text("utf-8")


def _facts(runs: Sequence[Run], problems: Sequence[str]) -> dict[str, Any]:
    chosen = subjects(runs)
    cards = [verdicts.card(subject) for subject in chosen]
    state, sentence = verdicts.headline(cards)
    both = pair(chosen)
    return {
        "state": state,
        "headline": sentence,
        "cards": cards,
        "missing": verdicts.missing(chosen),
        "newest": f"{runs[0].started_at:%Y-%m-%d %H:%M} UTC" if runs else None,
        "count": len(runs),
        **_comparison(both),
        **_figures(chosen),
        "case_columns": CASE_COLUMNS,
        "case_numbers": CASE_NUMBERS,
        "case_tables": [(subject.name, _cases(subject)) for subject in chosen if subject.cases],
        "devices": [subject.label for subject in chosen],
        "environment": environment.short_table(chosen),
        "every_fact": environment.full_table(chosen),
        "dtypes": tuple(DTYPE_BYTES),
        "history": [_history_row(run) for run in runs[:MAX_HISTORY]],
        "problems": [short(problem, MAX_WORDS) for problem in problems[:MAX_PROBLEMS]],
        "more_problems": max(0, len(problems) - MAX_PROBLEMS),
    }


def _comparison(both: tuple[Subject, Subject] | None) -> dict[str, Any]:
    if both is None:
        return {"speedups": [], "speed_sentence": None, "speed_figure": None, "one_machine": None}
    cpu, gpu = both
    found = speedups(cpu, gpu)
    host = gpu.run.host
    return {
        "speedups": found,
        "speed_sentence": verdicts.speed_sentence(found),
        "speed_figure": speed_figures.speedup_chart(found, cpu, gpu),
        "one_machine": bool(host and host.device and host.device.name == cpu.device.name),
    }


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
    return [tuple(short(words, MAX_WORDS) for words in case_row(case)) for case in subject.cases]


def _history_row(run: Run) -> dict[str, Any]:
    rates = best_rates(run.cases)
    return {
        "started": f"{run.started_at:%Y-%m-%d %H:%M}",
        "kind": run.kind,
        "device": short(run.device.name, 40) if run.device else environment.UNKNOWN,
        "status": run.status if not run.exit_code else f"{run.status}, exit {run.exit_code}",
        "rates": [
            format_rate(rates[dtype]) if dtype in rates else environment.UNKNOWN
            for dtype in DTYPE_BYTES
        ],
        "source": short(run.source, 80),
    }
