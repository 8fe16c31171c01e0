"""`matmul --search`: the fastest shape is measured, printed, and used as the ceiling."""

import json
from collections.abc import Callable

import pytest
from support.outcome import Outcome

from workload.cli.commands import matmul
from workload.core.errors import ExitCode

LINE = "matmul --search --budget 4 --dtypes float32 --json"


@pytest.fixture(autouse=True)
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight shapes, all of which are tried."""
    monkeypatch.setattr(matmul, "DEFAULT_EDGES", {"cpu": (32, 64)})
    monkeypatch.setattr(matmul, "EVALUATED_SHARE", 1.0)
    monkeypatch.setattr(matmul, "EQUAL_SHARES", 0.5)  # so that all are, on a busy machine too


def test_the_winner_is_told_and_measured_again_and_every_shape_is_recorded(
    workload: Callable[..., Outcome],
) -> None:
    outcome = workload(*LINE.split())
    assert outcome.code == ExitCode.OK, outcome.stderr
    text = " ".join(outcome.stderr.split())
    assert "8 of 8 shapes tried" in text
    winner = text.partition("search float32: ")[2].split()[0]
    names = [case["name"] for case in json.loads(outcome.stdout)["cases"]]
    assert names[0] == f"matmul {winner} float32"
    assert len(names) == len({*names}) == 8  # each shape once


def test_what_the_search_found_is_the_ceiling(workload: Callable[..., Outcome]) -> None:
    record = json.loads(workload(*LINE.split(), "--sizes", "16").stdout)
    best = max(case["gflops"] for case in record["cases"])
    assert record["ceilings"]["measured_gflops"]["float32"] == best


def test_a_dtype_that_the_device_lacks_is_told(workload: Callable[..., Outcome]) -> None:
    outcome = workload(*"matmul --search --budget 1 --dtypes tf32".split())
    assert outcome.code == ExitCode.UNFIT
    fix = "the dtype is not supported, or no shape fits in memory"
    assert f"search tf32: no shape ran (0 of 0 shapes tried): {fix}" in outcome.text
    assert "measure" not in outcome.stdout


def test_a_search_without_time_for_any_shape_asks_for_a_larger_budget(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr(matmul, "EXPLORING_SHARE", 0.0)
    outcome = workload(*"matmul --search --budget 1 --dtypes float32".split())
    assert outcome.code == ExitCode.UNFIT
    line = "search     float32: no shape ran (0 of 8 shapes tried): raise --budget"
    assert line in outcome.stdout
    assert outcome.stderr.endswith("no case could run: raise --budget, or choose other --dtypes\n")
