"""`workload compare`: its output in every format, and its exit codes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.outcome import Outcome
from support.records.measured import (
    CPU,
    GPU,
    TRAINING,
    case,
    timing,
    write_benchmarks,
    write_record,
)

from workload.core.errors import ExitCode
from workload.core.methods import CUDA_EVENTS
from workload.core.models.case import CaseStatus

WRONG = replace(case(), status=CaseStatus.WRONG, reason="off by 7", timing=None)
Compare = Callable[..., Outcome]


def test_a_speed_up_is_shown_with_its_interval_and_verdict(compare: Compare) -> None:
    outcome = compare([case(2e-3)], [case(1e-3)])
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    (row,) = [line for line in outcome.stdout.splitlines() if line.startswith("matmul 64")]
    assert row.split("  ")[0] == "matmul 64 float32"
    assert "2.000  2.000 to 2.000  FASTER" in row
    assert "0.262 GFLOP/s  0.524 GFLOP/s" in row
    assert "50%" in row


def test_both_sides_and_the_summary_come_before_the_table(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    a = write_record(tmp_path / "a", case())
    timed = case(timing=timing(method=CUDA_EVENTS))
    b = write_benchmarks(tmp_path / "b.json", timed, device=GPU)
    text = workload("compare", a, b).text
    assert text.startswith("baseline cpu: a CPU, 2 threads (fastest of 1 and 2), workload 0.")
    assert f"1 process run in {a} candidate cuda:0: a GPU, compute capability 9.0, " in text
    assert f"driver 580.1, torch 2.13.0, 1 process run in {b} summary " in text
    assert text.index("summary ") < text.index("speed-up")


def test_one_run_a_side_says_that_drift_is_not_in_its_interval(compare: Compare) -> None:
    assert "without the variation between process runs" in compare([case()], [case()]).text


def test_several_runs_are_folders(tmp_path: Path, workload: Callable[..., Outcome]) -> None:
    for side, first in (("a", 0), ("b", 1)):
        for minute in (first, first + 2):
            write_benchmarks(tmp_path / side / f"{minute}.json", case(), minute=minute)
    outcome = workload("compare", tmp_path / "a", tmp_path / "b")
    assert outcome.code == ExitCode.OK
    assert "2 process runs in" in outcome.stdout
    assert "Student's t over pairs of process runs" in outcome.stdout
    assert "variation between process runs" not in outcome.text


def test_a_side_compared_with_itself_is_said_to_be(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    same = write_record(tmp_path / "a", case())
    other = write_record(tmp_path / "b", case())
    words = "baseline and candidate are the same file"
    assert words in workload("compare", same, same).text
    assert words not in workload("compare", same, other).text


def test_runs_that_took_no_turns_have_a_warning(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    for side, first in (("a", 0), ("b", 10)):
        for minute in (first, first + 2):
            write_benchmarks(tmp_path / side / f"{minute}.json", case(), minute=minute)
    outcome = workload("compare", tmp_path / "a", tmp_path / "b")
    assert "warning the runs of one side ended before the other's began" in outcome.text


def test_other_thread_counts_have_a_warning(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    a = write_record(tmp_path, case())
    b = write_record(tmp_path, case(), device=replace(CPU, threads=1))
    assert "the runs of this CPU used 1 and 2 threads" in workload("compare", a, b).text


def test_a_corrupt_file_of_a_folder_is_named_and_left_out(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    write_benchmarks(tmp_path / "a" / "1.json", case())
    (tmp_path / "a" / "2.json").write_text("{")
    outcome = workload("compare", tmp_path / "a", tmp_path / "a" / "1.json")
    assert outcome.code == ExitCode.OK
    assert outcome.stderr.startswith(f"workload compare: left out: {tmp_path}/a/2.json is not JSON")
    assert outcome.stderr.count("\n") == 1


def test_what_is_not_paired_is_named_in_one_line_by_reason(compare: Compare) -> None:
    invalid = [
        replace(case(size=size), status=CaseStatus.INVALID, reason="throttled") for size in (32, 48)
    ]
    outcome = compare([case(), case(size=32), case(size=48), case(size=16)], [case(), *invalid])
    assert outcome.code == ExitCode.OK
    assert (
        "unpaired invalid in the candidate: "
        "matmul 32 float32 (throttled), matmul 48 float32 (throttled) "
        "unpaired only in the baseline: matmul 16 float32"
    ) in outcome.text


def test_the_summary_counts_the_verdicts_and_names_what_is_unclear(compare: Compare) -> None:
    few = case(size=16, timing=timing(samples=3))
    wide = case(size=32, timing=replace(timing(), samples_sec=(0.9e-3,) * 8 + (2e-3,) * 12))
    outcome = compare([case(), case(size=32), few], [case(), wide, few])
    assert (
        "summary 1 SAME, 1 UNCLEAR, 1 UNJUDGED (unclear: matmul 32 float32); the candidate "
        "is compared with the baseline"
    ) in outcome.text
    assert outcome.text.count("too few samples for an interval: matmul 16 float32") == 1


def test_what_to_do_about_unclear_and_unjudged_cases_is_one_line(compare: Compare) -> None:
    few = case(size=16, timing=timing(samples=3))
    wide = case(size=32, timing=replace(timing(), samples_sec=(0.9e-3,) * 8 + (2e-3,) * 12))
    unjudged = "UNJUDGED: remove the causes listed above, then measure both sides again"
    unclear = (
        "UNCLEAR: measure both sides again on an idle machine, with a larger --budget or as "
        "several alternating runs"
    )
    assert compare([few], [few]).text.endswith(f"to do {unjudged}")
    assert compare([case(size=32)], [wide]).text.endswith(f"to do {unclear}")
    both = compare([case(size=32), few], [wide, few])
    assert both.text.endswith(f"to do {unjudged}; {unclear}")
    assert "to do" not in compare([case()], [case()]).text


def test_transfers_have_a_column_where_there_are_some(compare: Compare) -> None:
    formats = ("--format", "markdown")
    assert "with transfers" not in compare([case()], [case()], *formats).stdout
    assert "with transfers" in compare([case()], [case(transfer_sec=1e-3)], *formats).stdout


@pytest.mark.parametrize(
    ("seconds", "code"), [(1e-3, ExitCode.OK), (1.04e-3, ExitCode.OK), (1.2e-3, ExitCode.TOO_SLOW)]
)
def test_the_gate_ends_with_5_beyond_what_is_allowed(
    seconds: float, code: ExitCode, compare: Compare
) -> None:
    assert compare([case()], [case(seconds)], "--fail-if-slower", "5%").code == code


def test_the_gate_names_the_slower_cases_in_one_line(compare: Compare) -> None:
    a = [case(), case(size=32), case(size=16)]
    b = [case(1.25e-3), case(2e-3, size=32), case(size=16)]
    assert compare(a, b, "--fail-if-slower", "0.05").stderr == (
        "workload compare: the candidate is slower by over 5%: "
        "matmul 32 float32 at 0.500 times the baseline's speed (95% interval 0.500 to 0.500), "
        "matmul 64 float32 at 0.800 times the baseline's speed (95% interval 0.800 to 0.800)\n"
    )


def test_the_gate_passes_what_may_be_as_fast(compare: Compare) -> None:
    wide = replace(timing(), samples_sec=(0.9e-3,) * 8 + (2e-3,) * 12)
    outcome = compare([case()], [case(timing=wide)], "--fail-if-slower", "5%")
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    assert "1 UNCLEAR (unclear: matmul 64 float32)" in outcome.text


def test_without_the_gate_slower_is_a_finding_and_no_failure(compare: Compare) -> None:
    outcome = compare([case()], [case(9e-3)])
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    assert "SLOWER" in outcome.stdout


@pytest.mark.parametrize(
    "text", ["5", "0", "0%", "100%", "1", "-5%", "5 %", "nan", "", "\u0665%", "1e-1"]
)
def test_a_share_that_is_none_is_refused(text: str, workload: Callable[..., Outcome]) -> None:
    outcome = workload("compare", "a", "b", f"--fail-if-slower={text}")
    assert outcome.code == ExitCode.BAD_INPUT
    assert f"{text!r} is not a share: use 5% or 0.05" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_wrong_numbers_outweigh_slow_ones(compare: Compare) -> None:
    a, b = [case(), case(size=32)], [WRONG, case(9e-3, size=32)]
    outcome = compare(a, b, "--fail-if-slower", "5%")
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert outcome.stderr == (
        "workload compare: wrong numbers: matmul 64 float32 wrong in the candidate: off by 7: "
        "run `workload verify` where this was measured\n"
    )


def test_nothing_but_wrong_numbers_ends_with_3(compare: Compare) -> None:
    outcome = compare([case()], [WRONG])
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert (
        "nothing can be compared: matmul 64 float32: wrong in the candidate: off by 7"
        in outcome.stderr
    )


def test_nothing_in_common_ends_with_2(compare: Compare) -> None:
    outcome = compare([case()], [case(dtype="float64")])
    assert outcome.code == ExitCode.BAD_INPUT
    assert "no case in common: the baseline has matmul 64 float32, the" in outcome.stderr


def test_losses_that_disagree_end_with_3(tmp_path: Path, workload: Callable[..., Outcome]) -> None:
    a = write_record(tmp_path, trainings=[TRAINING])
    b = write_record(tmp_path, trainings=[replace(TRAINING, losses=(9e6, 4.2e6, 1e6))])
    outcome = workload("compare", a, b)
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert (
        "train book eager float32: the losses of baseline and candidate disagree beyond"
        in outcome.stderr
    )
    assert "losses DISAGREE: largest error 1.65e-02, 1.00e-03 allowed" in outcome.text


def test_the_gate_does_not_pass_what_the_candidate_no_longer_measures(compare: Compare) -> None:
    gone = case(size=32)
    outcome = compare([case(), gone], [case()], "--fail-if-slower", "5%")
    assert outcome.code == ExitCode.UNFIT
    assert (
        f"the candidate has no usable time for {gone.name}, which the baseline measured: "
        "measure both with the same options, including --budget\n" in outcome.stderr
    )


def test_without_the_gate_what_is_missing_is_only_listed(compare: Compare) -> None:
    assert compare([case(), case(size=32)], [case()]).code == ExitCode.OK


def test_a_case_that_calls_itself_right_beyond_its_tolerance_is_wrong(compare: Compare) -> None:
    off = replace(case(), error_share=50.0)
    outcome = compare([case(), case(size=32)], [off, case(size=32)])
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "its error is 50 times its tolerance" in outcome.stderr


def test_a_warning_is_shown_for_a_clear_verdict_too(compare: Compare) -> None:
    unsteady = case(1e-3, timing=replace(timing(1e-3), steady=False))
    text = compare([case(9e-3)], [unsteady]).text
    assert "1 FASTER" in text
    assert ("warning noisy or unsteady in the candidate: 1 of 1 (matmul 64 float32)") in text
