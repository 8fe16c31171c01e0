"""Files of pytest-benchmark are runs too."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.outcome import Outcome
from support.records.benchmark_file import benchmarks
from support.records.synthetic import CPU, GPU, HOSTILE, cases, host_cpu, made

from workload.core import records
from workload.report.page import load_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with a CPU's record."""
    records.save(made(CPU), tmp_path / "results")
    return tmp_path / "results"


def test_benchmarks_of_pytest_are_runs_too(results: Path) -> None:
    (results / "gpu").mkdir()
    (results / "gpu/0001.json").write_text(json.dumps(benchmarks()))
    runs, problems = load_results(results)
    assert problems == []
    assert [run.kind for run in runs] == ["pytest-benchmark", "run"]
    assert len(runs[0].cases) == len(cases(GPU)[0])
    assert runs[0].environment["revision"] == "abc123"


def test_benchmarks_add_the_cases_that_the_run_lacks(
    results: Path, workload: Callable[..., Outcome]
) -> None:
    records.save(made(GPU, cases=[], host_cpu=host_cpu()), results)
    (results / "0001.json").write_text(json.dumps(benchmarks()))
    workload("report", results)
    assert "matmul 16384" in (results / "report.html").read_text()


def test_hostile_words_of_a_benchmark_stay_words(
    results: Path, workload: Callable[..., Outcome]
) -> None:
    content = benchmarks(revision=HOSTILE, image={HOSTILE: [HOSTILE]})
    (results / "0001.json").write_text(json.dumps(content))
    workload("report", results)
    assert "<script" not in (results / "report.html").read_text()
