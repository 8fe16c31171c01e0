"""The committed records of real machines are valid, and can be compared and reported."""

import subprocess
import sys
from pathlib import Path

import pytest

from workload.compare import compare
from workload.compare.loader import load_runs, load_side
from workload.compare.speeds import Verdict
from workload.core.models.case import CaseStatus, Kind
from workload.report.page import build_page, load_results

FOLDER = Path(__file__).parents[2] / "benchmarks/records"
RECORDS = sorted(FOLDER.glob("*.json"))


def test_there_is_a_record_to_test_with() -> None:
    assert RECORDS


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_of_the_kind_of_device_that_its_name_says(path: Path) -> None:
    kinds = {"cpu": "cpu", "gpu": "cuda"}
    device = load_runs(path)[0].device
    assert device
    assert device.kind == kinds[path.stem.partition("-")[0]]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_every_kind_of_case_with_a_speed_and_a_regime(path: Path) -> None:
    cases = [case for case in load_runs(path)[0].cases if case.status is CaseStatus.OK]
    kinds = {Kind.MATMUL, Kind.CONVOLUTION, Kind.TRAIN, Kind.COPY, Kind.LAUNCH}
    assert kinds <= {case.kind for case in cases}
    assert all(case.rating for case in cases if case.flops)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_nowhere_faster_or_slower_than_itself(path: Path) -> None:
    comparison = compare(load_side(path), load_side(path))
    verdicts = {speed.verdict for speed in comparison.speeds}
    assert Verdict.SAME in verdicts
    assert verdicts <= {Verdict.SAME, Verdict.UNCLEAR, Verdict.UNJUDGED}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_report_names_the_records_device(path: Path) -> None:
    runs, _ = load_results(path.parent)
    device = load_runs(path)[0].device
    assert device
    assert device.name in build_page(runs, [])


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_pytest_benchmarks_own_compare_reads_it(path: Path) -> None:
    command = [sys.executable, "-m", "pytest_benchmark", "compare", str(path)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "test_product[1024-float32]" in shown.stdout


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_does_not_name_its_host(path: Path) -> None:
    assert '"node"' not in path.read_text()
