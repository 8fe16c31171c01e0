"""Results as text: correct units, no control characters, a reason for each gap."""

import doctest
from types import ModuleType

import pytest
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table
from support.records.measured import CPU, TRAINING, case, timing

from workload.bench import threads
from workload.bench.operations.matmul import MatMul
from workload.bench.runner import unmeasured
from workload.core import statistics, units
from workload.core.errors import ExitCode
from workload.core.models.action import Action, Advice, GpuAction
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.rating import Ceilings, Rating, Regime
from workload.core.models.verify import VerifyResult
from workload.core.models.waits import Waits
from workload.core.shape import Shape
from workload.core.train_case import train_case
from workload.report.terminal import case_table, summary
from workload.report.terminal.budget import Budget, Shared


def shown(table: Table) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@pytest.mark.parametrize("module", [units, statistics, threads])
def test_the_examples_in_docstrings_hold(module: ModuleType) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted
    assert not outcome.failed


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.2e-5, "32 µs"), (0.0125, "12.5 ms"), (37.3, "37.3 s"), (300, "5 min"), (7200, "2 h")],
)
def test_durations_come_in_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert units.format_seconds(seconds) == text


def not_run(size: int, status: CaseStatus, reason: str) -> Case:
    return unmeasured(MatMul(Shape(size, size, size), "float16"), status, reason)


def without_time(size: int, needed_sec: float) -> Case:
    """A case that needs this long and was allowed 4 s."""
    skipped = not_run(size, CaseStatus.SKIPPED, "needs more, allowed 4 s")
    return replace(skipped, needed_sec=needed_sec, allowed_sec=4.0)


def test_only_cases_that_ran_are_in_the_table() -> None:
    skipped = not_run(64, CaseStatus.SKIPPED, "needs 68 s, allowed 4 s")
    table = case_table.cases_table([case(), skipped])
    assert [row[:2] for row in table.rows] == [("matmul 64", "float32")]


def test_cases_that_did_not_run_are_named_in_one_line_by_reason() -> None:
    cases = [
        without_time(64, 6.6),
        without_time(32, 7.9),
        not_run(8192, CaseStatus.DOES_NOT_FIT, "needs 2 GB of memory, 1 GB is available"),
    ]
    assert case_table.not_run_lines(cases, Budget(60)) == [
        "skipped, no time left: matmul 64 float16 (6.6 s), matmul 32 float16 (7.9 s); "
        "--budget 120 runs them",
        "does not fit memory: matmul 8192 float16 (needs 2 GB of memory, 1 GB is available)",
    ]


def test_the_hint_names_the_option_that_the_caller_has() -> None:
    (line,) = case_table.not_run_lines([without_time(64, 16)], Budget(10, "--case-budget"))
    assert line.endswith("(16 s); --case-budget 40 runs it")


def test_a_budget_that_cases_share_is_enough_for_the_longest_in_an_even_share() -> None:
    # Of 1 s nothing was left after 22 s: the cases had the least time, 4 s.
    shared = Shared(4.0, cases=10, before_sec=22.0)
    (line,) = case_table.not_run_lines([without_time(64, 2.5)], Budget(1, shared=shared))
    # 22 + 4 + 10 * 2.5 + 2.5 = 53.5
    assert line.endswith("(2.5 s); --budget 60 runs it")
    half = Budget(1, shared=Shared(4.0, 10, 22.0, part=0.5))
    assert half.enough_for([without_time(64, 2.5)]) == 90


def test_a_case_that_was_allowed_nothing_has_a_hint_where_the_budget_is_shared() -> None:
    none = replace(without_time(64, 2.5), allowed_sec=0.0)
    assert Budget(10, shared=Shared(4.0, 10)).enough_for([none]) == 40
    assert Budget(10).enough_for([none]) is None


def test_a_reason_that_cases_share_is_said_once() -> None:
    lost = [not_run(size, CaseStatus.SKIPPED, "cpu was lost") for size in (64, 32)]
    (line,) = case_table.not_run_lines(lost)
    assert line == "skipped, cpu was lost: matmul 64 float16, matmul 32 float16"


def test_noisy_times_are_counted_and_named() -> None:
    noisy = case(size=32, timing=replace(timing(), samples_sec=(1e-3, 1e-3, 2e-3, 2e-3)))
    unsteady = case(size=16, timing=replace(timing(), steady=False))
    timed = [case(), noisy, unsteady]
    assert case_table.warning_lines([*timed, without_time(64, 16)], Budget(60)) == [
        "noisy: 1 of 3, up to 67% IQR: matmul 32 float32; "
        "repeat on an idle machine or raise --budget",
        "uncertain: 1 of 3: matmul 16 float32 (not steady after a warm-up of 100 ms)",
    ]


def test_contended_times_are_named_once_by_cause_with_the_longest_wait() -> None:
    def contended(size: int, waits: Waits) -> Case:
        return case(size=size, timing=replace(timing(), waits=waits, samples_sec=(1e-3, 2e-3) * 9))

    cases = [
        case(),
        contended(32, Waits(1.0, run_delay_sec=0.5, waits=9, foreign_sec=0.9)),
        contended(16, Waits(1.0, run_delay_sec=0.9, waits=9, foreign_sec=0.9)),
        contended(64, Waits(1.0, throttled_sec=0.6)),
    ]
    assert case_table.warning_lines(cases) == [
        "contended: 2 of 4 (other processes: threads waited up to 90% of the time): "
        "matmul 32 float32, matmul 16 float32; repeat where the CPUs are free",
        "contended: 1 of 4 (CPU quota: threads were stopped up to 60% of the time): "
        "matmul 64 float32; repeat where the CPUs are free",
    ]


def test_a_case_without_a_ceiling_keeps_its_share_of_the_peak() -> None:
    alone = case(rating=Rating(None, 0.5, None))
    assert case_table.case_row(alone)[4:7] == ("50%", "-", "-")


def test_cases_without_warnings_have_no_warning_line() -> None:
    assert case_table.warning_lines([case()]) == []


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
        "verify     float64: 2 of 2 agree with float64, largest error 50% of tolerance (a - b)",
        "verify     float32: 0 of 1 agree with float64",
        "WRONG      a + b float32: not finite, allowed 1.00e-07 (error)",
    ]


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
        "best       float32 0.524 GFLOP/s",
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


def test_nested_facts_are_named_by_their_path() -> None:
    facts = {"torch": {"version": "2.13.0", "gpus": [{"name": "H200"}]}, "user": {"uid": None}}
    text = shown(summary.facts_table(facts))
    assert "torch.version" in text
    assert "torch.gpus.0.name" in text
    assert "uid" not in text


def test_markup_in_a_name_is_printed_as_it_is() -> None:
    text = shown(summary.facts_table({"name": "a\x1b[31mb"}))
    assert "a?[31mb" in text


def test_a_tolerance_of_zero_that_is_kept_uses_none_of_it() -> None:
    (line,) = summary.checks_lines([VerifyResult("a + b", "float64", 0.0, 0.0, "error")])
    assert line.endswith("largest error 0% of tolerance (a + b)")


def test_a_step_far_below_the_ceiling_is_a_warning() -> None:
    slow, fine = (
        replace(train_case(TRAINING, "cpu"), rating=Rating(Regime.COMPUTE, None, share))
        for share in (0.01, 0.3)
    )
    *_, line = case_table.warning_lines([slow])
    assert line == (
        "slow: far below the measured ceiling: train book eager float32 (1%); "
        "repeat where the CPUs are free"
    )
    assert not any(line.startswith("slow") for line in case_table.warning_lines([fine]))
