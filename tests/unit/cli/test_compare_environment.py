"""A variable that is set on one side alone is a difference of the environment."""

from collections.abc import Callable
from pathlib import Path

from support.outcome import Outcome
from support.records.measured import (
    COMPATIBLE,
    HARMLESS,
    case,
    write_record,
)

from workload.core.errors import ExitCode

GATE = ("--fail-if-slower", "5%")

SLOW = 2e-3


def test_without_the_gate_a_difference_of_the_environment_is_a_warning(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    a = write_record(tmp_path / "a", case())
    b = write_record(tmp_path / "b", case(SLOW), variables=[COMPATIBLE])
    outcome = workload("compare", a, b)
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    assert (
        "warning MKL_CBWR is not set in the baseline, COMPATIBLE in the candidate: "
        "it changes speed and bits"
    ) in outcome.text
    assert "summary 1 UNJUDGED; the candidate" in outcome.text


def test_the_same_environment_on_both_sides_is_no_difference(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    a, b = (write_record(tmp_path / name, case(), variables=[COMPATIBLE]) for name in "ab")
    assert "MKL_CBWR" not in workload("compare", a, b).stdout


def test_a_record_that_does_not_say_what_was_set_may_have_had_any_value(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    a = write_record(tmp_path / "a", case(), variables=None)
    b = write_record(tmp_path / "b", case(SLOW), variables=[COMPATIBLE])
    outcome = workload("compare", a, b, *GATE)
    assert outcome.code == ExitCode.UNFIT
    assert "MKL_CBWR is not recorded in the baseline, COMPATIBLE in the candidate" in outcome.stderr


def test_a_record_that_does_not_say_what_was_set_is_judged_where_the_other_set_nothing(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    a = write_record(tmp_path / "a", case(), variables=None)
    b = write_record(tmp_path / "b", case(SLOW), variables=[HARMLESS])
    assert workload("compare", a, b, *GATE).code == ExitCode.TOO_SLOW
