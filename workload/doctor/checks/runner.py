"""Runs checks. A check that crashes is a failed check."""

from collections.abc import Iterable
from dataclasses import replace

from workload.core.models.facts import Facts
from workload.core.models.finding import Finding, State
from workload.doctor.checks.check import (
    REPORT,
    Check,
    Explanation,
    MissingFactError,
    failed,
    unknown,
)

CRASHED = Explanation(
    "crashed",
    asks="Did the check run to its end?",
    why="its result is unknown",
    fix=REPORT,
)
NO_CHECKS = Finding(
    "doctor",
    State.FAIL,
    "no check ran",
    why="nothing is known about this machine",
    fix="reinstall the workload package",
    case="no-checks",
)


def run_checks(checks: Iterable[Check], facts: Facts) -> tuple[Finding, ...]:
    """Return a finding for every check, in their order; without checks, a failure.

    A check that crashes fails as `ID-crashed`. One whose facts could not be read is unknown: the
    check `facts` fails for them.
    """
    return tuple(_run(check, facts) for check in checks) or (NO_CHECKS,)


def _run(check: Check, facts: Facts) -> Finding:
    try:
        return check.finding(check.run(facts))
    except Exception as error:  # a bug in one check must not hide the results of the others
        if isinstance(error, MissingFactError) and facts.unread:
            return check.finding(unknown("its facts could not be read", case="unread"))
        crashed = replace(check, explanation=replace(CRASHED, id=f"{check.id}-{CRASHED.id}"))
        found = f"the check crashed ({type(error).__name__}: {error})"
        return crashed.finding(failed(found, case=CRASHED.id))
