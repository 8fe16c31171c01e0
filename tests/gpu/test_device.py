"""The GPU is found and chosen, computes correctly, and runs the whole main job."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.records.validity import invalidity

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import run_case
from workload.core.methods import CUDA_EVENTS, CUDA_GRAPH
from workload.core.models.case import CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.core.train_spec import PRESETS
from workload.hardware import devices
from workload.train.loop import train
from workload.verify import verify


@pytest.fixture
def gpu_info(device: str) -> DeviceInfo:
    """The target's GPU."""
    return devices.resolve(device)


def test_auto_takes_the_gpu_where_one_works() -> None:
    assert devices.resolve("auto").kind == "cuda"


def test_the_gpu_names_its_capability_and_memory(gpu_info: DeviceInfo) -> None:
    assert gpu_info.capability is not None
    assert gpu_info.memory_bytes


def test_every_check_of_verify_holds(gpu_info: DeviceInfo) -> None:
    checks = list(verify(gpu_info))
    assert checks
    assert [check for check in checks if not check.ok] == []


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_a_product_is_right_and_timed_by_the_device(gpu_info: DeviceInfo, dtype: str) -> None:
    case = run_case(MatMul(Shape(1000, 1024, 776), dtype), gpu_info, budget_sec=10)
    assert case.status is CaseStatus.OK, case.reason
    assert case.timing is not None
    assert case.timing.method in (CUDA_EVENTS, CUDA_GRAPH)


def test_a_product_beyond_the_gpus_memory_is_refused_with_both_numbers(
    gpu_info: DeviceInfo,
) -> None:
    case = run_case(MatMul(Shape(10**6, 10**6, 10**6), "float32"), gpu_info, budget_sec=10)
    assert case.status is CaseStatus.DOES_NOT_FIT
    assert "of memory, " in (case.reason or "")


def test_training_starts_from_the_cpus_numbers(gpu_info: DeviceInfo) -> None:
    spec = replace(PRESETS["book"], steps=1)
    on_cpu, on_gpu = (train(spec, info).losses[0] for info in (devices.resolve("cpu"), gpu_info))
    # A loss sums 640 squares of products of length 1000: rounding, not another draw.
    assert on_gpu == pytest.approx(on_cpu, rel=1e-4)


def test_the_main_job_leaves_a_valid_record_with_the_speed_up(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workload", "run", "--device", "cuda", "--budget", "15"]
    result = subprocess.run(
        [*command, "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    (path,) = tmp_path.glob("*.json")
    saved = json.loads(path.read_text())
    assert invalidity(saved) is None
    assert saved["device"]["kind"] == "cuda"
    assert saved["host_cpu"]["cases"]
