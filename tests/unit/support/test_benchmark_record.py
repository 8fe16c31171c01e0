"""A short session of the benchmarks as `make cpu-bench` runs it, read by other tools."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workload.bench.timing import MAX_SAMPLES
from workload.core.models.record import SCHEMA_VERSION

TESTS = Path(__file__).parents[2]
# The quick cases end by themselves; on a busy machine they may take longer.
BRIEF = "-q -p no:cacheprovider --target cpu --case-budget 5"


def benchmarks(*arguments: str, ids: str = "512-float32 or 512-tf32 or launch") -> str:
    """Run some; what they printed."""
    command = [sys.executable, "-m", "pytest", *BRIEF.split(), "-k", ids, *arguments]
    # pytest-benchmark measures nothing where it sees a parallel worker.
    environment = {name: os.environ[name] for name in os.environ if "XDIST" not in name}
    done = subprocess.run(
        [*command, TESTS / "benchmarks"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
    )
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What one session printed, and the only file it stored."""
    folder = tmp_path_factory.mktemp("stored")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS", raising=False)  # set for parallel workers
        patch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
        printed = benchmarks("--store", str(folder))
    paths = list(folder.glob("cpu-*/0001_*.json"))
    assert len(paths) == 1, printed
    return printed, paths[0]


@pytest.fixture
def document(session: tuple[str, Path]) -> dict[str, Any]:
    return dict(json.loads(session[1].read_text()))


def test_the_table_has_a_column_of_gflops(session: tuple[str, Path]) -> None:
    printed, _ = session
    assert printed.startswith("exit 0\n"), printed
    assert "OPS (GFLops/s)" in printed
    assert "test_product[512-float32]" in printed


def test_the_session_says_what_was_set(session: tuple[str, Path]) -> None:
    assert "environment: ONEDNN_MAX_CPU_ISA=AVX2" in session[0]


def test_the_statistics_are_those_of_the_protocols_samples(document: dict[str, Any]) -> None:
    assert len(document["benchmarks"]) == 2
    for benchmark in document["benchmarks"]:
        timing = benchmark["extra_info"]["case"]["timing"]
        assert benchmark["stats"]["data"] == timing["samples_sec"]
        assert benchmark["stats"]["median"] == pytest.approx(timing["median_sec"])
        assert benchmark["stats"]["iterations"] == 1


def test_a_case_this_device_lacks_is_in_the_record(document: dict[str, Any]) -> None:
    (entry,) = document["workload"]["unmeasured"]
    assert entry["fullname"].endswith("test_product[512-tf32]")
    assert entry["case"]["reason"] == "TF32 is not supported by CPUs"


def test_the_machine_and_its_limits_are_in_the_record(document: dict[str, Any]) -> None:
    assert "cpuinfo_version" not in document["machine_info"]["cpu"]  # slow, and read by us already
    info = document["machine_info"]["workload"]
    assert info["schema_version"] == SCHEMA_VERSION
    assert info["device"]["kind"] == "cpu"
    assert info["versions"]["threads"] == info["device"]["threads"]
    assert info["ceilings"]["measured_gflops"] == {}  # one product alone is no ceiling
    assert "launch_sec" in info["ceilings"]  # unknown on a busy machine


def test_no_test_id_names_a_device(document: dict[str, Any]) -> None:
    ids = [benchmark["fullname"] for benchmark in document["benchmarks"]]
    assert [test_id.rpartition("::")[2] for test_id in ids] == [
        "test_launch",
        "test_product[512-float32]",
    ]


def test_stock_compare_pairs_the_cases_of_two_files(
    session: tuple[str, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(session[1].read_bytes())
    compare = [sys.executable, "-m", "pytest_benchmark", "compare", "--between=median"]
    done = subprocess.run(
        [*compare, session[1], other], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "2 sources" in done.stdout
    assert done.stdout.count("+0.0%") == 2


def test_stock_compare_finds_a_stored_session_by_its_number(
    session: tuple[str, Path], tmp_path: Path
) -> None:
    compare = ["pytest_benchmark", "--storage", str(session[1].parent), "compare", "0001"]
    done = subprocess.run(
        [sys.executable, "-m", *compare], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "test_product[512-float32]" in done.stdout


def test_a_case_to_be_slowed_must_be_among_those_that_run() -> None:
    printed = benchmarks("--slow", "matmul 77 float32=1.2", "--no-sweep", ids="launch")
    assert printed.startswith("exit 4\n")
    assert "--slow: no case named 'matmul 77 float32' ran" in printed


@pytest.fixture(scope="module")
def in_passes(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What a session without a sweep and in two passes printed and stored."""
    path = tmp_path_factory.mktemp("passes") / "two.json"
    words = ("--no-sweep", "--passes", "2", "--benchmark-json", str(path))
    printed = benchmarks(*words, ids="launch or 512-tf32")
    assert path.exists(), printed
    return printed, json.loads(path.read_text())


def test_without_a_sweep_the_cpu_has_the_threads_of_its_quota(
    in_passes: tuple[str, dict[str, Any]],
) -> None:
    _, stored = in_passes
    assert stored["machine_info"]["workload"]["device"]["swept_threads"] == []


def test_in_passes_a_benchmark_has_the_samples_of_all(
    in_passes: tuple[str, dict[str, Any]],
) -> None:
    printed, stored = in_passes
    assert "Tests: 1 passed, 3 skipped" in printed
    (benchmark,) = stored["benchmarks"]
    timing = benchmark["extra_info"]["case"]["timing"]
    assert benchmark["stats"]["data"] == timing["samples_sec"]
    assert benchmark["stats"]["rounds"] > MAX_SAMPLES


def test_one_benchmark_has_nothing_to_take_turns_with() -> None:
    printed = benchmarks("--passes", "2", ids="launch")
    assert printed.startswith("exit 4\n")
    assert "--passes needs two benchmarks or more" in printed
