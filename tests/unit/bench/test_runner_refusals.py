"""What does not fit the memory or the time, or is not supported, is refused with its reason."""

import dataclasses
import json
from collections.abc import Callable

import pytest
import torch
from msgspec import structs
from support.outcome import Outcome
from torch import Tensor

from workload.bench.operations.matmul import MatMul, Multiply
from workload.bench.runner import run_case
from workload.cli.steps import measure
from workload.core.errors import ExitCode
from workload.core.models.case import CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.hardware import devices

SMALL = MatMul(Shape(48, 64, 80), "float32")

LARGE = MatMul(Shape(4096, 128, 4096), "float32")


def small(multiply: Multiply) -> MatMul:
    return dataclasses.replace(SMALL, multiply=multiply)


def test_a_case_beyond_the_memory_is_refused_with_both_numbers(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 2_000_000_000)
    case = run_case(MatMul(Shape(30_000, 30_000, 30_000), "float32"), cpu, 1e9)
    assert case.status is CaseStatus.DOES_NOT_FIT
    assert case.reason == "needs 12.2 GB of memory, 2 GB is available"


def test_memory_is_judged_before_the_budget(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 0)
    assert run_case(SMALL, cpu, 1e-9).status is CaseStatus.DOES_NOT_FIT


def test_the_cases_that_fit_still_run_when_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 1_000_000_000)
    line = "matmul --sizes 32768,32 --dtypes float32 --budget 0.2 --json"
    outcome = workload(*line.split())
    statuses = [case["status"] for case in json.loads(outcome.stdout)["cases"]]
    assert statuses == ["does_not_fit", "ok"]
    assert outcome.code == ExitCode.UNFIT
    assert "32768 float32 does not fit: needs" in outcome.stderr


def slow(a: Tensor, b: Tensor, out: Tensor) -> None:
    for _ in range(200):
        torch.mm(a, b, out=out)


def test_a_case_beyond_the_budget_is_not_run_but_estimated(cpu: DeviceInfo) -> None:
    case = run_case(MatMul(Shape(2048, 2048, 2048), "float64", multiply=slow), cpu, 0.2)
    assert case.status is CaseStatus.SKIPPED
    assert case.reason is not None
    assert case.reason.startswith("needs ")
    assert case.reason.endswith(", allowed 200 ms")


def test_a_case_not_run_beside_one_that_ran_is_fine(workload: Callable[..., Outcome]) -> None:
    outcome = workload(*"matmul --sizes 32,20000 --dtypes float64 --budget 1".split())
    assert outcome.code == ExitCode.OK
    assert "skipped, no time left: " in outcome.stdout


def test_nothing_but_cases_not_run_is_unfit(workload: Callable[..., Outcome]) -> None:
    outcome = workload(*"matmul --sizes 20000 --dtypes float64 --budget 1".split())
    assert outcome.code == ExitCode.UNFIT
    assert "no case could run" in outcome.stderr


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_running_out_of_memory_despite_the_estimate_is_a_refusal(
    error: Exception, cpu: DeviceInfo
) -> None:
    def out_of_memory(_a: Tensor, _b: Tensor, _out: Tensor) -> None:
        raise error

    case = run_case(small(out_of_memory), cpu, 0.2)
    assert case.status is CaseStatus.DOES_NOT_FIT
    assert case.reason is not None
    assert case.reason.startswith("out of memory: ")


def test_a_library_that_fails_for_another_reason_is_no_refusal(cpu: DeviceInfo) -> None:
    def fail(_a: Tensor, _b: Tensor, _out: Tensor) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        run_case(small(fail), cpu, 0.2)


def test_default_sizes_that_do_not_fit_are_left_out(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 400_000_000)
    assert [shape.m for shape in measure.default_shapes(cpu)] == [512, 1024]


def test_tf32_is_not_applicable_on_a_cpu(cpu: DeviceInfo) -> None:
    tf32 = dataclasses.replace(SMALL, dtype="tf32")
    assert run_case(tf32, cpu, 1).status is CaseStatus.NOT_APPLICABLE


def test_tf32_is_not_applicable_before_compute_capability_8(cpu: DeviceInfo) -> None:
    turing = structs.replace(cpu, kind="cuda", capability="7.5")
    case = run_case(dataclasses.replace(SMALL, dtype="tf32"), turing, 1)
    assert case.reason == "TF32 is not supported by compute capability 7.5: it needs 8.0"
