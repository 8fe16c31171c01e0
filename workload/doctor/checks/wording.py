"""Verdicts in words: what was found, why it matters, what to do, and where to read on.

The words stand in words.toml beside this module.
"""

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from workload.core.errors import BadInputError
from workload.core.results import Finding, State
from workload.core.units import format_bytes
from workload.doctor.checks.verdicts import CRASHED, Verdict

TROUBLES = (State.WARN, State.FAIL)


@dataclass(frozen=True)
class Words:
    """Templates; a verdict's values fill them."""

    found: str
    why: str | None = None
    fix: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class CheckWords:
    """One check: what it asks, what stands for all its cases, and each case's own words."""

    asks: str
    why: str
    fix: str
    cases: dict[str, Words]
    link: str | None = None


@dataclass(frozen=True)
class Explanation:
    """A check for a person who has just met its id."""

    id: str
    asks: str
    why: str
    fix: str
    link: str | None


@cache
def check_words() -> dict[str, CheckWords]:
    """Check id -> its words, CRASHED and the doctor's own among them."""
    return {
        id_: CheckWords(**{**table, "cases": _cases(table["cases"])})
        for id_, table in _table().items()
        if id_ != "reasons"
    }


def reasons() -> dict[str, str]:
    """Why a check does not apply or has no answer, by the id of the need or case."""
    return dict(_table()["reasons"])


@cache
def _table() -> dict[str, dict[str, Any]]:
    text = resources.files("workload.doctor.checks").joinpath("words.toml").read_text("utf-8")
    return tomllib.loads(text)


def _cases(table: dict[str, Any]) -> dict[str, Words]:
    return {
        case: Words(words) if isinstance(words, str) else Words(**words)
        for case, words in table.items()
    }


def explain(id_: str) -> Explanation:
    """What the check asks, why, and what to do. Raises BadInputError with the closest ids."""
    checks = check_words()
    name = CRASHED if id_.endswith(f"-{CRASHED}") else id_
    if name not in checks:
        close = ", ".join(difflib.get_close_matches(id_, checks)) or "none is close"
        raise BadInputError(
            f"no check is called {id_!r} ({close}): `workload doctor explain` lists them all"
        )
    found = checks[name]
    return Explanation(id_, found.asks, found.why, found.fix, found.link)


def word(verdicts: Iterable[Verdict]) -> tuple[Finding, ...]:
    """The verdicts in words, one finding each."""
    return tuple(_finding(verdict) for verdict in verdicts)


def _finding(verdict: Verdict) -> Finding:
    words = _words(verdict)
    values = {name: _readable(name, value) for name, value in verdict.values.items()}
    return Finding(
        id=verdict.id,
        state=verdict.state,
        found=words.found.format(**values),
        why=words.why and words.why.format(**values),
        fix=words.fix and words.fix.format(**values),
        link=words.link,
        case=verdict.case,
    )


def _words(verdict: Verdict) -> Words:
    """The case's words; in trouble the check's own fill what it leaves out."""
    check = check_words()[CRASHED if verdict.case == CRASHED else verdict.id]
    words = check.cases.get(verdict.case) or Words(reasons()[verdict.case])
    if verdict.state not in TROUBLES:
        return words
    return Words(
        words.found,
        words.why or check.why,
        words.fix or check.fix,
        words.link or check.link,
    )


def _readable(name: str, value: Any) -> str:
    """A value in one line; bytes with their unit."""
    if name.endswith("_bytes") and value is not None:
        return format_bytes(value)
    return " ".join(str(value).split())
