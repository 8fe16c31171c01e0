"""How a check is made: what it needs, what it judges, how a judgement ends. No checks here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workload.core.results import State
from workload.doctor.probes.facts import Facts

Fact = TypeVar("Fact")

CRASHED = "crashed"
UNREAD = "unread"
NO_CHECKS = "no-checks"
WRONG = "wrong"  # the case of every check that met a wrong number
GRAVITY = (State.FAIL, State.WARN, State.UNKNOWN, State.PASS, State.NOT_APPLICABLE)


@dataclass(frozen=True)
class Outcome:
    """How a judgement ended. `case` picks the words, `values` fill them."""

    state: State
    case: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Need:
    """What must hold for a check to make sense; its id names the reason why it does not."""

    id: str
    holds: Callable[[Facts], bool]


@dataclass(frozen=True)
class Check:
    """One question about the facts, under an id that stays the same for ever."""

    id: str
    judge: Callable[[Facts], Outcome]
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """One check's answer, without words."""

    id: str
    state: State
    case: str
    values: dict[str, Any]


def passed(**values: object) -> Outcome:
    """All is well."""
    return Outcome(State.PASS, "pass", values)


def warned(case: str, **values: object) -> Outcome:
    """It works, but a person should know."""
    return Outcome(State.WARN, case, values)


def failed(case: str, **values: object) -> Outcome:
    """What was asked cannot work."""
    return Outcome(State.FAIL, case, values)


def unknown(case: str, **values: object) -> Outcome:
    """The facts do not tell."""
    return Outcome(State.UNKNOWN, case, values)


def not_applicable(case: str, **values: object) -> Outcome:
    """The question does not arise here."""
    return Outcome(State.NOT_APPLICABLE, case, values)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The first of the gravest; a pass outweighs what does not apply."""
    return min(outcomes, key=lambda outcome: GRAVITY.index(outcome.state))


class MissingFactError(LookupError):
    """A check cannot do without a fact that is not there."""


def known(fact: Fact | None) -> Fact:
    """A fact that its reader, or the check's needs, promise. Raises MissingFactError."""
    if fact is None:
        raise MissingFactError("a fact is missing that the check's needs promise")
    return fact


def read(facts: Facts, name: str) -> Any:
    """A fact that may be None for what it says. Raises MissingFactError if its reader crashed."""
    if name in facts.unread:
        raise MissingFactError(f"{name} could not be read")
    return getattr(facts, name)


def run_checks(checks: Iterable[Check], facts: Facts) -> tuple[Verdict, ...]:
    """Every check's verdict. A check that crashes fails as `ID-crashed`; no checks fail too.

    What depends on a fact whose reader crashed is unknown; the check `facts` fails for it.
    """
    verdicts = tuple(_run(check, facts) for check in checks)
    return verdicts or (Verdict("doctor", State.FAIL, NO_CHECKS, {}),)


def _run(check: Check, facts: Facts) -> Verdict:
    try:
        outcome = _outcome(check, facts)
    except Exception as error:  # a check's own bug must neither pass nor hide the others
        if isinstance(error, MissingFactError) and facts.unread:
            return Verdict(check.id, State.UNKNOWN, UNREAD, {})
        values = {"error": f"{type(error).__name__}: {error}"}
        return Verdict(f"{check.id}-{CRASHED}", State.FAIL, CRASHED, values)
    return Verdict(check.id, outcome.state, outcome.case, outcome.values)


def _outcome(check: Check, facts: Facts) -> Outcome:
    for need in check.needs:
        if not need.holds(facts):
            return Outcome(State.NOT_APPLICABLE, need.id)
    return check.judge(facts)
