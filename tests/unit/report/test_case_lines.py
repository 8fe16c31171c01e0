"""Below the table, a line names cases that did not run or that are noisy, and what to do."""

from msgspec.structs import replace
from support.records.measured import case, timing

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import unmeasured
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.waits import Waits
from workload.core.shape import Shape
from workload.report.terminal import case_table
from workload.report.terminal.budget import Budget, Shared

CPU = DeviceInfo("cpu", "cpu", "a CPU", "a test", 2)


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
        "noisy in 1 of 3 cases, IQR up to 67%: matmul 32 float32; "
        "repeat on an idle machine or raise --budget",
        "uncertain in 1 of 3 cases: matmul 16 float32 (not steady after a warm-up of 100 ms); "
        "repeat on an idle machine or raise --budget",
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
        "contended in 2 of 4 cases (other processes: threads waited up to 90% of the time): "
        "matmul 32 float32, matmul 16 float32; repeat on idle CPUs",
        "contended in 1 of 4 cases (the CPU quota: threads were stopped up to 60% of the time): "
        "matmul 64 float32; repeat on idle CPUs",
    ]


def test_a_busy_machine_is_named_where_the_best_rates_stand() -> None:
    waits = Waits(1.0, run_delay_sec=0.5, waits=9, foreign_sec=0.9)
    contended = case(timing=replace(timing(), waits=waits, samples_sec=(1e-3, 2e-3) * 9))
    one_thread = replace(CPU, threads=1, swept_contended=True)
    assert case_table.busy_lines(one_thread, [contended, case()]) == [
        "warning    other programs ran (1 of 2 cases are contended, 1 thread chosen under load): "
        "the machine may be faster than measured; repeat on idle CPUs"
    ]


def test_a_quiet_machine_has_no_line_above_its_best_rates() -> None:
    assert case_table.busy_lines(CPU, [case()]) == []


def test_cases_without_warnings_have_no_warning_line() -> None:
    assert case_table.warning_lines([case()]) == []
