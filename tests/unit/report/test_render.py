"""Results as words: right units, no control characters, the reason beside each gap."""

import doctest
from types import ModuleType

import pytest
from rich.console import Console
from rich.table import Table
from support.records.measured import CPU, TRAINING, case, timing

from workload.bench import threads
from workload.bench.operations.matmul import MatMul
from workload.bench.runner import unmeasured
from workload.core import statistics, units
from workload.core.cases import CaseStatus, Ceilings, Shape
from workload.core.errors import ExitCode
from workload.core.results import Check
from workload.report.terminal import case_table, summary


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


def test_a_case_that_was_not_run_shows_its_reason_and_no_number() -> None:
    product = MatMul(Shape(64, 64, 64), "float16")
    case = unmeasured(product, CaseStatus.SKIPPED, "would take about 68 s")
    row = shown(case_table.cases_table([case])).splitlines()[1]
    assert row.split()[:4] == ["matmul", "64", "float16", "-"]
    assert "skipped: would take about 68 s" in row


def test_a_check_without_a_finite_error_says_so() -> None:
    text = shown(summary.checks_table([Check("a + b", "float32", None, 1e-7, "error")]))
    assert "not finite" in text
    assert "WRONG" in text


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (Ceilings(), "none was measured"),
        (Ceilings(measured_gbs=9.0), "the copy's bandwidth"),
        (
            Ceilings(measured_gflops={"float32": 1.0}, launch_sec=1e-6),
            "the fastest case of each dtype here (itself at 100%), the launch's time",
        ),
    ],
)
def test_only_ceilings_that_were_measured_are_named(known: Ceilings, words: str) -> None:
    assert case_table.method_lines([case(1e-3)], known)[2] == f"ceiling {words}"


def test_wrong_checks_are_named() -> None:
    checks = [Check("a + b", "float32", 1.0, 1e-7, "error"), Check("a - b", "float32", 0, 1, "e")]
    assert summary.checks_line(checks) == (
        "verify  1 of 2 comparisons with float64 are WRONG: a + b float32"
    )


def test_the_verdict_tells_how_many_times_are_in_doubt() -> None:
    noisy = case(timing=timing(samples=2))
    assert noisy.timing is not None
    assert noisy.timing.warning
    line = summary.verdict_line(ExitCode.OK, CPU, [noisy, case()], [TRAINING])
    assert line.endswith("; 1 times are in doubt")
    assert "warning" not in summary.verdict_line(ExitCode.OK, CPU, [case()], [TRAINING])


def test_nested_facts_are_named_by_their_path() -> None:
    facts = {"torch": {"version": "2.13.0", "gpus": [{"name": "H200"}]}, "user": {"uid": None}}
    text = shown(summary.facts_table(facts))
    assert "torch.version" in text
    assert "torch.gpus.0.name" in text
    assert "uid" not in text


def test_markup_in_a_name_is_printed_as_it_is() -> None:
    text = shown(summary.facts_table({"name": "a\x1b[31mb"}))
    assert "a?[31mb" in text
