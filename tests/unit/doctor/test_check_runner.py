"""A check that crashes is a failure of its own, and no findings are no pass."""

from collections.abc import Callable

from support.doctor.machines import (
    GPU_MACHINE,
)

from workload.core.errors import ExitCode
from workload.core.models.facts import Facts
from workload.core.models.finding import Finding, State
from workload.doctor import exit_code
from workload.doctor.checks.check import Check, CheckFunction, CheckResult, check, passed
from workload.doctor.checks.registry import run_all


def a_check(id_: str) -> Callable[[CheckFunction], Check]:
    return check(id_, asks="Does it work?", why="it matters", fix="fix it", link="https://docs")


@a_check("new")
def crashing(_: Facts) -> CheckResult:
    raise ZeroDivisionError("division by zero")


@a_check("healthy")
def healthy(_: Facts) -> CheckResult:
    return passed("it works")


def test_a_check_that_crashes_fails_and_says_so() -> None:
    (found,) = run_all(GPU_MACHINE, (crashing,))
    assert (found.id, found.state, found.found) == (
        "new-crashed",
        State.FAIL,
        "the check crashed (ZeroDivisionError: division by zero)",
    )


def test_a_check_that_crashes_does_not_stop_the_others() -> None:
    states = [found.state for found in run_all(GPU_MACHINE, (crashing, healthy))]
    assert states == [State.FAIL, State.PASS]


def test_no_findings_are_unfit() -> None:
    assert exit_code(()) is ExitCode.UNFIT


def test_an_unknown_result_does_not_fail() -> None:
    assert exit_code((Finding("shm", State.UNKNOWN, "there is no shared memory"),)) is ExitCode.OK
