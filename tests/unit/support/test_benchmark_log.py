"""The log of a benchmark session: ratings, cases without a time, path and machine."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.benchmarks.joined import joined
from support.benchmarks.log import (
    BenchmarkLog,
    commit_info,
    extra_info,
    group_of,
    rate_unit,
    record_path,
)
from support.records import measured

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import unmeasured
from workload.core.methods import HOST_CLOCK, WARM
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Timing
from workload.core.models.waits import Waits
from workload.core.shape import Shape
from workload.doctor.probes.torch_probe import probe

NOW = datetime(2026, 11, 23, 9, 23, 32, tzinfo=UTC)


def case(status: CaseStatus = CaseStatus.OK, seconds: float = 1e-3) -> Case:
    known = unmeasured(MatMul(Shape(512, 512, 512), "float32"), status, "why")
    timing = Timing(HOST_CLOCK, WARM, 1, (seconds,) * 7, 0.1, True, 1e-7)
    return replace(known, timing=timing if status is CaseStatus.OK else None)


def document(*test_ids: str) -> dict[str, Any]:
    """Return the document that pytest-benchmark is about to write."""
    return {"benchmarks": [{"fullname": test_id, "extra_info": {}} for test_id in test_ids]}


@pytest.fixture
def log(cpu: DeviceInfo) -> BenchmarkLog:
    return BenchmarkLog(cpu)


def test_a_benchmark_has_the_numbers_of_its_case(log: BenchmarkLog, cpu: DeviceInfo) -> None:
    log.cases["t[1]"] = case()
    written = document("t[1]")
    log.complete(written)
    info = written["benchmarks"][0]["extra_info"]
    assert info["device"] == cpu.name
    assert info["flops"] == 2 * 512**3
    assert info["gflops"] == pytest.approx(2 * 512**3 / 1e-3 / 1e9)
    assert info["method"] == HOST_CLOCK
    assert info["case"]["timing"]["samples_sec"] == [1e-3] * 7


def test_ratings_know_the_best_of_the_whole_session(log: BenchmarkLog) -> None:
    log.cases["slow"] = case(seconds=2e-3)
    log.cases["fast"] = case(seconds=1e-3)
    written = document("slow", "fast")
    log.complete(written)
    shares = [entry["extra_info"]["ceiling_share"] for entry in written["benchmarks"]]
    assert shares == pytest.approx([0.5, 1.0])
    assert {entry["extra_info"]["regime"] for entry in written["benchmarks"]} == {"compute-bound"}


def test_a_case_without_a_time_is_recorded_with_its_reason(log: BenchmarkLog) -> None:
    log.cases["t[1]"] = case(CaseStatus.NOT_APPLICABLE)
    written = document()
    log.complete(written)
    (entry,) = written["workload"]["unmeasured"]
    assert entry["fullname"] == "t[1]"
    assert (entry["case"]["status"], entry["case"]["reason"]) == ("not_applicable", "why")


def test_a_document_with_cases_is_json(log: BenchmarkLog, cpu: DeviceInfo) -> None:
    log.cases["t[1]"] = case()
    assert json.loads(json.dumps(extra_info(log.rated()["t[1]"], cpu)))


def test_passes_of_a_case_are_one_case_with_all_samples(log: BenchmarkLog) -> None:
    assert log.add("t[1]", case(seconds=1e-3))[0] == 1
    passes, both = log.add("t[1]", case(seconds=3e-3))
    assert passes == 2
    assert both.timing is not None
    assert both.timing.samples_sec == (1e-3,) * 7 + (3e-3,) * 7
    assert log.cases == {"t[1]": both}


@pytest.mark.parametrize("reverse", [False, True])
def test_a_pass_without_a_time_adds_nothing(log: BenchmarkLog, reverse: bool) -> None:
    passes = [case(), case(CaseStatus.SKIPPED)]
    for one in reversed(passes) if reverse else passes:
        log.add("t[1]", one)
    assert log.cases["t[1]"] == case()


def test_the_machine_says_which_image_commit_and_versions(log: BenchmarkLog) -> None:
    facts, _ = probe("cpu")
    environment = {"WORKLOAD_IMAGE": "sha256:1", "WORKLOAD_VARIANT": "cpu", "WORKLOAD_REVISION": ""}
    info = log.machine_info(environment, facts, "3.11.2")
    assert (info["image"], info["variant"], info["revision"]) == ("sha256:1", "cpu", None)
    assert facts is not None
    assert info["versions"]["torch"] == facts.version
    assert info["versions"]["threads"] == log.device.threads


def test_the_machine_says_what_was_set(log: BenchmarkLog) -> None:
    info = log.machine_info({"MKL_CBWR": "AVX2", "HOSTNAME": "a-host"}, None, "3.11.2")
    assert info["variables"] == [
        {"name": "MKL_CBWR", "value": "AVX2", "changes": "speed and bits", "devices": ["cpu"]}
    ]


def test_passes_waited_together_for_as_long_as_each_alone() -> None:
    quiet = measured.timing()
    busy = measured.contended()
    known = replace(quiet, waits=Waits(1.0, run_delay_sec=0.0, waits=5))
    for earlier, waits in (
        (known, Waits(2.0, run_delay_sec=0.4, waits=25)),
        (quiet, None),
    ):
        both = joined(measured.case(timing=earlier), measured.case(timing=busy)).timing
        assert both is not None
        assert both.waits == waits


def test_the_commit_is_the_images() -> None:
    info = commit_info({"WORKLOAD_REVISION": "abc"})
    assert info is not None
    assert info["id"] == "abc"


def test_on_a_host_pytest_benchmark_finds_the_commit_itself() -> None:
    assert commit_info({}) is None


def test_a_group_with_one_number_of_flops_is_shown_in_gflops() -> None:
    assert rate_unit([{"extra_info": {"flops": 4_000_000_000}}] * 2) == ("GFL", 4.0)


@pytest.mark.parametrize("flops", [(0, 0), (1, 2), (None,)])
def test_a_group_without_one_number_of_flops_is_not(flops: tuple[int | None, ...]) -> None:
    assert rate_unit([{"extra_info": {"flops": count}} for count in flops]) is None


def test_what_computes_the_same_stands_in_one_table() -> None:
    other = replace(case(), dtype="float64")
    assert group_of(case()) == group_of(other) == "matmul 512"
    assert group_of(replace(case(), variant="dual", flops=0)) == "matmul 512 dual"


def test_records_are_numbered_in_the_folder_of_their_device(tmp_path: Path) -> None:
    first = record_path(tmp_path, "gpu", "NVIDIA H200", NOW)
    assert first == tmp_path / "gpu-nvidia-h200/0001_20261123T092332Z.json"
    first.parent.mkdir()
    first.touch()
    assert record_path(tmp_path, "gpu", "NVIDIA H200", NOW).name == "0002_20261123T092332Z.json"
