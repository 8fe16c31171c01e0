"""Of several ranks that failed, the launcher names the one that failed first."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from workload.core.errors import ExitCode
from workload.distributed.failures import (
    ERROR_FILE,
    Failure,
    first_cause,
    read_failure,
    report_failure,
)

LOST = Failure(0, ExitCode.UNFIT, "rank 0 of 2 lost another rank", lost_another=True)
STOPPED = Failure(1, ExitCode.TERMINATED, stopped=True)
KILLED = Failure(2, -9)
TERMINATED = Failure(1, ExitCode.TERMINATED)
HUNG = Failure(1, -9, stopped=True, hung=True)


@pytest.mark.parametrize(
    ("failures", "cause"),
    [
        ([LOST, KILLED], KILLED),
        ([STOPPED, LOST], LOST),
        ([Failure(1, -15, stopped=True), KILLED], KILLED),
        ([replace(STOPPED, rank=0), TERMINATED], TERMINATED),
        ([LOST, HUNG], HUNG),
        ([HUNG, KILLED], KILLED),
        ([STOPPED, Failure(3, ExitCode.WRONG_NUMBERS, "wrong")], Failure(3, 3, "wrong")),
    ],
)
def test_a_cause_counts_before_its_consequences(failures: list[Failure], cause: Failure) -> None:
    assert first_cause(failures) == cause


@pytest.mark.parametrize(
    ("failure", "ended"),
    [
        (KILLED, "rank 2 was ended by SIGKILL"),
        (TERMINATED, "rank 1 was ended by SIGTERM"),
        (Failure(0, ExitCode.INTERRUPTED), "rank 0 was ended by SIGINT"),
    ],
)
def test_a_rank_that_a_signal_ended_is_named_and_is_no_end_of_the_job(
    failure: Failure, ended: str
) -> None:
    error = failure.error()
    assert str(error) == f"{ended}: see its output and the kernel's log"
    assert error.exit_code is ExitCode.UNFIT


def test_a_rank_that_the_launcher_had_to_kill_hung() -> None:
    error = HUNG.error()
    assert str(error) == (
        "rank 1 hung (it did not end after SIGTERM and was killed): see its output and the "
        "kernel's log"
    )
    assert error.exit_code is ExitCode.UNFIT


def test_a_rank_that_said_why_is_quoted_with_its_code() -> None:
    error = Failure(3, ExitCode.WRONG_NUMBERS, "wrong").error()
    assert (str(error), error.exit_code) == ("rank 3: wrong", ExitCode.WRONG_NUMBERS)


def test_a_code_that_is_none_of_this_program_is_unfit() -> None:
    error = Failure(1, 77).error()
    assert str(error) == "rank 1 ended with exit code 77: see its output"
    assert error.exit_code is ExitCode.UNFIT


def test_what_a_rank_writes_its_launcher_reads(tmp_path: Path) -> None:
    file = tmp_path / "error.json"
    report_failure({ERROR_FILE: str(file)}, "it hangs", lost_another=True)
    message = json.loads(file.read_text())["message"]
    assert read_failure(1, 4, message) == Failure(1, 4, "it hangs", lost_another=True)


def test_a_rank_that_wrote_nothing_has_its_exit_code() -> None:
    assert read_failure(1, -9, "Signal 9 (SIGKILL) received by PID 7") == Failure(1, -9)


def test_without_a_launcher_nothing_is_written(tmp_path: Path) -> None:
    report_failure({}, "it hangs", lost_another=False)
    assert list(tmp_path.iterdir()) == []
