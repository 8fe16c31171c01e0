"""Results as text: correct units, no control characters, a reason for each gap."""

import pytest
from msgspec.structs import replace
from support.records.measured import CPU, TRAINING, case

from workload.core import units
from workload.core.errors import ExitCode
from workload.core.models.action import Action, Advice, GpuAction
from workload.core.models.case import Kind
from workload.core.models.rating import Ceilings, Rating, Regime
from workload.core.models.verify import RELATIVE, VerifyResult
from workload.core.train_case import train_case
from workload.report.terminal import case_table, summary


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.2e-5, "32 µs"), (0.0125, "12.5 ms"), (37.3, "37.3 s"), (300, "5 min"), (7200, "2 h")],
)
def test_durations_come_in_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert units.format_seconds(seconds) == text


def test_a_case_without_a_ceiling_keeps_its_share_of_the_peak() -> None:
    alone = case(rating=Rating(None, 0.5, None))
    assert case_table.case_row(alone)[4:7] == ("50%", "-", "-")


def test_a_case_is_named_as_short_as_people_call_it() -> None:
    cases = [
        case(size=4096),
        case(kind=Kind.COPY, flops=0, bytes=268_435_456),
        case(kind=Kind.TO_DEVICE, flops=0, bytes=268_435_456),
        case(kind=Kind.LAUNCH, flops=0),
        train_case(TRAINING, "cpu"),
    ]
    assert [row[0] for row in case_table.cases_table(cases).rows] == [
        "matmul 4096",
        "copy 268 MB",
        "copy H2D 268 MB",
        "launch",
        "train book eager",
    ]


def test_a_verified_dtype_takes_one_line_and_a_wrong_result_one_more() -> None:
    checks = [
        VerifyResult("a + b", "float64", 0.0, 1e-16, "error"),
        VerifyResult("a - b", "float64", 5e-17, 1e-16, "error"),
        VerifyResult("a + b", "float32", None, 1e-7, "error"),
    ]
    assert summary.checks_lines(checks) == [
        "verify     float64: 2 of 2 agree with float64; "
        "the largest error of a sum is 50% of its tolerance (a - b)",
        "verify     float32: 0 of 1 agree with float64",
        "WRONG      a + b float32: not finite, allowed 1.00e-07 (error)",
    ]


def test_the_verdict_of_verify_counts_all_comparisons() -> None:
    checks = [
        VerifyResult("a + b", "float64", 0.0, 1e-16, "error"),
        VerifyResult("a + b", "float32", None, 1e-7, "error"),
    ]
    assert summary.checks_verdict(ExitCode.WRONG_NUMBERS, CPU, checks) == (
        "WRONG NUMBERS  cpu a CPU; 1 of 2 comparisons agree with float64"
    )


def test_a_check_without_a_finite_error_says_so() -> None:
    table = summary.checks_table([VerifyResult("a + b", "float32", None, 1e-7, "error")])
    assert table.rows == (("a + b", "float32", "not finite", "1.00e-07", "WRONG", "error"),)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (Ceilings(), "nothing usable"),
        (Ceilings(measured_gbs=9.0), "the copy's bandwidth"),
        (
            Ceilings(measured_gflops={"float32": 1.0}, launch_sec=1e-6),
            "the best GFLOP/s of each dtype, the launch's time",
        ),
    ],
)
def test_only_ceilings_that_were_measured_are_named(known: Ceilings, words: str) -> None:
    lines = case_table.legend_lines([case(1e-3)], known)
    assert f"% ceiling  of what was measured here: {words}" in lines


def test_wrong_checks_are_named() -> None:
    checks = [
        VerifyResult("a + b", "float32", 1.0, 1e-7, "error"),
        VerifyResult("a - b", "float32", 0, 1, "e"),
    ]
    assert summary.checks_line(checks) == ("verify     1 of 2 comparisons WRONG: a + b float32")


def test_the_verdict_stands_alone_below_rates_and_step_times() -> None:
    advice = Advice(Action.NONE, "nothing is wrong")
    assert summary.verdict_lines(ExitCode.OK, CPU, [case()], [TRAINING], advice) == [
        "best       matmul float32 0.524 GFLOP/s",
        "train      book 1 ms per step",
        "PASS  cpu a CPU; action: none",
    ]


def test_the_action_has_its_reason_and_each_gpu_with_a_fault_its_evidence() -> None:
    gpus = (
        GpuAction(0, "H200", "GPU-0", Action.NONE, "nothing is wrong"),
        GpuAction(5, "H200", "GPU-5", Action.REBOOT, "asked", "recovery-2", ("Xid 79",)),
    )
    advice = Advice(Action.REBOOT, "GPU 5 H200: asked", gpus=gpus)
    assert summary.action_words(advice) == "action: reboot (GPU 5 H200: asked)"
    assert summary.action_lines(advice) == [
        "action     GPU 5 H200: reboot, asked",
        "           Xid 79",
    ]


@pytest.mark.parametrize(("error", "words"), [(0.996, "99%"), (1.0, "100%"), (0.994, "99%")])
def test_a_tolerance_is_all_used_only_by_an_error_as_large(error: float, words: str) -> None:
    (line,) = summary.checks_lines([VerifyResult("matmul", "float32", error, 1.0, "error")])
    assert line.endswith(f"the largest error of a sum is {words} of its tolerance (matmul)")
    assert case_table.case_row(case(error_share=error))[-1] == words


def test_the_rounding_of_one_operation_is_not_shown_as_a_share_of_its_tolerance() -> None:
    checks = [
        VerifyResult("a + b", "float32", 1.0, 1.0, RELATIVE),
        VerifyResult("matmul", "float32", 0.2, 1.0, "error"),
    ]
    assert summary.checks_lines(checks) == [
        "verify     float32: 2 of 2 agree with float64; "
        "the largest error of a sum is 20% of its tolerance (matmul)"
    ]
    (line,) = summary.checks_lines(checks[:1])
    assert line == "verify     float32: 1 of 1 agree with float64"


def test_a_stage_names_what_it_measures_and_for_how_long() -> None:
    assert summary.stage_line({"matmul": 20, "convolution": 4}, 45.2) == (
        "measure    20 matmuls and 4 convolutions within 45.2 s"
    )
    assert summary.stage_line({"operation": 0, "pair": 1}, 60) == "measure    1 pair within 60 s"


def test_a_tolerance_of_zero_that_is_kept_uses_none_of_it() -> None:
    (line,) = summary.checks_lines([VerifyResult("a + b", "float64", 0.0, 0.0, "error")])
    assert line.endswith("the largest error of a sum is 0% of its tolerance (a + b)")


def test_a_step_far_below_the_ceiling_is_a_warning() -> None:
    slow, fine = (
        replace(train_case(TRAINING, "cpu"), rating=Rating(Regime.COMPUTE, None, share))
        for share in (0.01, 0.3)
    )
    *_, line = case_table.warning_lines([slow])
    assert line == (
        "slow, far below the measured ceiling: train book eager float32 (1%); repeat on idle CPUs"
    )
    assert not any(line.startswith("slow") for line in case_table.warning_lines([fine]))


@pytest.mark.parametrize(("share", "words"), [(0.4, "40% of"), (1.45, "above")])
def test_a_step_in_the_caches_is_above_what_memory_allows(share: float, words: str) -> None:
    line = summary.train_line(TRAINING, CPU, Rating(Regime.BANDWIDTH, None, share))
    assert f"(bandwidth-bound, {words} the measured ceiling)" in line
