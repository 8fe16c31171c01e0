"""Classes and functions to define a check: its needs, results and texts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, Unpack

from workload.core.models.facts import Facts
from workload.core.models.finding import Finding, State

Fact = TypeVar("Fact")

WRONG = "wrong"  # the case of every result that reports a mismatch
SEVERITY = (State.FAIL, State.WARN, State.UNKNOWN, State.PASS, State.NOT_APPLICABLE)
# The fix for a bug in this program.
REPORT = "report this problem, with the output of:\nworkload doctor --json"


@dataclass(frozen=True)
class CheckResult:
    """The result of a check. `why`, `fix` and `link`, if set, replace those of the check."""

    state: State
    found: str
    case: str
    why: str | None = None
    fix: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Need:
    """A condition that a check requires, and the reason to print if it is not met."""

    id: str
    reason: str
    is_met: Callable[[Facts], bool]


class Texts(TypedDict):
    """The texts of a check.

    The texts do not end with a period, because they are also joined into one line. In a fix of
    several lines, every line after the first is a command.
    """

    asks: str
    why: str
    fix: str
    link: str


class ResultTexts(TypedDict, total=False):
    """Texts that a result can set to replace those of its check."""

    why: str | None
    fix: str | None
    link: str | None


@dataclass(frozen=True)
class Explanation:
    """What `workload doctor explain` prints about a check."""

    id: str
    asks: str
    why: str
    fix: str
    link: str | None = None


CheckFunction = Callable[[Facts], CheckResult]


@dataclass(frozen=True)
class Check:
    """One question about the facts. Its id never changes."""

    explanation: Explanation
    function: CheckFunction
    needs: tuple[Need, ...] = ()

    @property
    def id(self) -> str:
        """The id in records and in `workload doctor explain`."""
        return self.explanation.id

    def run(self, facts: Facts) -> CheckResult:
        """Return the result, or "not applicable" if a need is not met."""
        for need in self.needs:
            if not need.is_met(facts):
                return not_applicable(need.reason, case=need.id)
        return self.function(facts)

    def finding(self, result: CheckResult) -> Finding:
        """Return the finding. A warning or failure takes its missing texts from the check."""
        own = self.explanation if result.state in (State.WARN, State.FAIL) else result
        return Finding(
            id=self.id,
            state=result.state,
            found=" ".join(result.found.split()),
            why=result.why or own.why,
            fix=result.fix or own.fix,
            link=result.link or own.link,
            case=result.case,
        )


def check(
    id_: str, *, needs: tuple[Need, ...] = (), **texts: Unpack[Texts]
) -> Callable[[CheckFunction], Check]:
    """Return a decorator that turns a function of the facts into a check."""
    return lambda function: Check(Explanation(id_, **texts), function, needs)


def passed(found: str) -> CheckResult:
    """Return a pass: the check found no problem."""
    return CheckResult(State.PASS, found, case="pass")


def warned(found: str, *, case: str, **texts: Unpack[ResultTexts]) -> CheckResult:
    """Return a warning: the requested work can run, but the user should know about a problem."""
    return CheckResult(State.WARN, found, case=case, **texts)


def failed(found: str, *, case: str, **texts: Unpack[ResultTexts]) -> CheckResult:
    """Return a failure: the requested work cannot run."""
    return CheckResult(State.FAIL, found, case=case, **texts)


def unknown(found: str, *, case: str = "unknown") -> CheckResult:
    """Return an unknown result: the facts do not answer the question of the check."""
    return CheckResult(State.UNKNOWN, found, case=case)


def not_applicable(found: str, *, case: str) -> CheckResult:
    """Return the result "not applicable": the check does not fit this machine or request."""
    return CheckResult(State.NOT_APPLICABLE, found, case=case)


def worst(results: Iterable[CheckResult]) -> CheckResult:
    """Return the first of the most severe results; a pass is more severe than "not applicable"."""
    return min(results, key=lambda result: SEVERITY.index(result.state))


class MissingFactError(LookupError):
    """Raised if a fact that a check needs is missing."""


def known(fact: Fact | None) -> Fact:
    """Return a fact. Raises MissingFactError if it is None."""
    if fact is None:
        raise MissingFactError("a fact that the check needs is missing")
    return fact


def read(facts: Facts, name: str) -> Any:
    """Return the fact `name`, which may be None. Raises MissingFactError if its probe crashed."""
    if name in facts.unread:
        raise MissingFactError(f"{name} could not be read")
    return getattr(facts, name)
