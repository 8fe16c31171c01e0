"""The doctor's findings as lines for a terminal, failures first."""

from collections.abc import Iterable, Sequence

from workload.core.models.action import Action, Advice
from workload.core.models.finding import Finding, State
from workload.core.units import plural, printable
from workload.report.terminal.summary import action_lines, action_words
from workload.report.terminal.tables import labelled

TROUBLES = (State.FAIL, State.WARN)
LABELS = {
    State.FAIL: "FAIL",
    State.WARN: "WARN",
    State.UNKNOWN: "unknown",
    State.PASS: "pass",
    State.NOT_APPLICABLE: "n/a",
}
_COUNTED = {
    State.FAIL: "failed",
    State.UNKNOWN: "unknown",
    State.PASS: "passed",
    State.NOT_APPLICABLE: "not applicable",
}


def report(
    findings: Sequence[Finding], strict: bool = False, advice: Advice | None = None
) -> list[str]:
    """Return the verdict and the action, then all findings; only failures and warnings in full."""
    action = f"; {action_words(advice)}" if advice else ""
    asked = advice is not None and advice.action is not Action.NONE
    return [
        f"{verdict_line(findings, strict, asked=asked)}{action}",
        *(action_lines(advice) if advice else ()),
        *(line for state in TROUBLES for one in _of(findings, state) for line in _in_full(one)),
        *_in_short(findings, State.UNKNOWN),
        *_passed(_of(findings, State.PASS)),
        *_not_applicable(_of(findings, State.NOT_APPLICABLE)),
    ]


def verdict_line(findings: Sequence[Finding], strict: bool = False, *, asked: bool = False) -> str:
    """Return a line with the verdict and the number of checks in each state.

    If `asked` is true, the machine needs an action, and the verdict is WARN or FAIL.
    """
    states = {finding.state for finding in findings}
    failed = State.FAIL in states or (strict and State.UNKNOWN in states)
    warned = asked or State.WARN in states
    verdict = "FAIL" if failed or not findings else "WARN" if warned else "PASS"
    counts = [_count(state, len(found)) for state in LABELS if (found := _of(findings, state))]
    return labelled("doctor", f"{verdict}: {', '.join(counts) or 'no check ran'}")


def _count(state: State, number: int) -> str:
    return plural(number, "warning") if state is State.WARN else f"{number} {_COUNTED[state]}"


def trouble_lines(findings: Sequence[Finding]) -> list[str]:
    """Return a line for each failure and warning."""
    return [line for state in TROUBLES for line in _in_short(findings, state)]


def _in_short(findings: Sequence[Finding], state: State) -> list[str]:
    return [_line(state, f"{one.id}: {one.found}") for one in _of(findings, state)]


def _in_full(finding: Finding) -> list[str]:
    """Return the finding, its reason and its fix; each command of the fix is on its own line."""
    fix, *commands = (finding.fix or "").splitlines() or [""]
    return [
        _line(finding.state, f"{finding.id}: {finding.found}"),
        *_below("why: ", finding.why),
        *_below("fix: ", fix),
        *(line for command in commands for line in _below("  ", command)),
        *_below("", finding.link),
    ]


def _passed(findings: Sequence[Finding]) -> list[str]:
    names = ", ".join(finding.id for finding in findings)
    return [_line(State.PASS, names)] if findings else []


def _not_applicable(findings: Sequence[Finding]) -> list[str]:
    """Return one line with the checks that do not apply, grouped by reason."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        reasons.setdefault(finding.found, []).append(finding.id)
    parts = (
        f"{reason} ({ids[0] if len(ids) == 1 else plural(len(ids), 'check')})"
        for reason, ids in reasons.items()
    )
    return [_line(State.NOT_APPLICABLE, "; ".join(parts))] if reasons else []


def _of(findings: Iterable[Finding], state: State) -> list[Finding]:
    return [finding for finding in findings if finding.state is state]


def _line(state: State, text: str) -> str:
    return labelled(LABELS[state], printable(text))


def _below(prefix: str, text: str | None) -> list[str]:
    return [labelled("", prefix + printable(text))] if text else []
