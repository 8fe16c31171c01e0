"""Every product fits, is right and only then is timed."""

import dataclasses
import json
from collections.abc import Callable

import pytest
import torch
from outcome import Outcome
from torch import Tensor
from workload.matmul import run_case, run_cases

from workload import devices, matmul
from workload.errors import ExitCode
from workload.results import CaseStatus, DeviceInfo, MatmulCase, Shape

SMALL = Shape(48, 64, 80)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("shape", [Shape(1, 1, 1), Shape(7, 3, 5), Shape(200, 1000, 10)])
def test_a_right_product_is_timed(shape: Shape, dtype: str, cpu: DeviceInfo) -> None:
    case = run_case(shape, dtype, cpu, 0.2)
    assert case.status is CaseStatus.OK
    assert case.gflops is not None
    assert case.timer == "host clock"


def test_gflops_are_the_multiplies_and_adds_over_the_median_time() -> None:
    case = MatmulCase(10, 20, 30, "float32", CaseStatus.OK, samples_sec=(1e-6, 3e-6, 2e-6))
    assert case.gflops == pytest.approx(2 * 10 * 20 * 30 / 2e-6 / 1e9)


def with_one_wrong_element(a: Tensor, b: Tensor, out: Tensor) -> None:
    torch.mm(a, b, out=out)
    out[5, 7] += 40.0


def with_a_nan(a: Tensor, b: Tensor, out: Tensor) -> None:
    torch.mm(a, b, out=out)
    out[-1, -1] = torch.nan


def that_forgets_the_last_row(a: Tensor, b: Tensor, out: Tensor) -> None:
    torch.mm(a[:-1], b, out=out[:-1])


def in_bfloat16(a: Tensor, b: Tensor, out: Tensor) -> None:
    out.copy_((a.bfloat16() @ b.bfloat16()).to(out.dtype))


@pytest.mark.parametrize(
    "multiply", [with_one_wrong_element, with_a_nan, that_forgets_the_last_row, in_bfloat16]
)
def test_a_wrong_product_has_no_speed(multiply: matmul.Multiply, cpu: DeviceInfo) -> None:
    case = run_case(SMALL, "float32", cpu, 0.2, multiply)
    assert case.status is CaseStatus.WRONG
    assert case.gflops is None


def test_one_wrong_element_far_from_the_sampled_rows_is_found(cpu: DeviceInfo) -> None:
    """A product so large that only some of its rows are compared one by one."""
    shape = Shape(4096, 512, 4096)
    assert shape.flops > matmul.product_check.FULL_CHECK_FLOPS
    case = run_case(shape, "float32", cpu, 3, with_one_wrong_element)
    assert case.status is CaseStatus.WRONG


def test_a_large_right_product_passes_the_sampled_check(cpu: DeviceInfo) -> None:
    assert run_case(Shape(4096, 512, 4096), "float32", cpu, 3).status is CaseStatus.OK


def test_a_wrong_product_ends_with_exit_3(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr(matmul, "_multiply", with_one_wrong_element)
    outcome = workload("matmul", "--sizes", "64", "--dtypes", "float32", "--budget", "0.2")
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "64 float32 wrong: the product is off by" in outcome.stderr


def test_a_case_beyond_the_memory_is_refused_with_both_numbers(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 2_000_000_000)
    case = run_case(Shape(30_000, 30_000, 30_000), "float32", cpu, 1e9)
    assert case.status is CaseStatus.REFUSED
    assert case.reason == "needs 12.2 GB of memory, 2 GB is available"


def test_memory_is_judged_before_the_budget(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 0)
    assert run_case(SMALL, "float32", cpu, 1e-9).status is CaseStatus.REFUSED


def test_the_cases_that_fit_still_run_when_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 1_000_000_000)
    line = "matmul --sizes 32768,32 --dtypes float32 --budget 0.2 --json"
    outcome = workload(*line.split())
    statuses = [case["status"] for case in json.loads(outcome.stdout)["matmul"]]
    assert statuses == ["refused", "ok"]
    assert outcome.code == ExitCode.UNFIT
    assert "32768 float32 refused: needs" in outcome.stderr


def slow(a: Tensor, b: Tensor, out: Tensor) -> None:
    for _ in range(200):
        torch.mm(a, b, out=out)


def test_a_case_beyond_the_budget_is_not_run_but_estimated(cpu: DeviceInfo) -> None:
    case = run_case(Shape(2048, 2048, 2048), "float64", cpu, 0.2, slow)
    assert case.status is CaseStatus.NOT_RUN
    assert case.reason is not None
    assert case.reason.startswith("would take about ")
    assert case.reason.endswith("its share of the budget is 200 ms")


def test_a_case_not_run_beside_one_that_ran_is_fine(workload: Callable[..., Outcome]) -> None:
    outcome = workload(*"matmul --sizes 32,20000 --dtypes float64 --budget 1".split())
    assert outcome.code == ExitCode.OK
    assert "not run: would take about" in outcome.stdout


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

    case = run_case(SMALL, "float32", cpu, 0.2, out_of_memory)
    assert case.status is CaseStatus.REFUSED
    assert case.reason is not None
    assert case.reason.startswith("out of memory: ")


def test_a_library_that_fails_for_another_reason_is_no_refusal(cpu: DeviceInfo) -> None:
    def fail(_a: Tensor, _b: Tensor, _out: Tensor) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        run_case(SMALL, "float32", cpu, 0.2, fail)


def test_default_sizes_that_do_not_fit_are_left_out(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 400_000_000)
    assert [shape.m for shape in matmul.default_shapes(cpu)] == [512, 1024]


def test_tf32_is_not_applicable_on_a_cpu(cpu: DeviceInfo) -> None:
    assert run_case(SMALL, "tf32", cpu, 1).status is CaseStatus.NOT_APPLICABLE


def test_tf32_is_not_applicable_before_compute_capability_8(cpu: DeviceInfo) -> None:
    turing = dataclasses.replace(cpu, kind="cuda", capability="7.5")
    case = run_case(SMALL, "tf32", turing, 1)
    assert case.reason == "compute capability 7.5 has no TF32, 8.0 and later do"


def test_inputs_are_normal_random_numbers(cpu: DeviceInfo) -> None:
    a, b, _ = matmul._matrices(Shape(300, 300, 300), "float32", cpu)
    assert float(a.std()) == pytest.approx(1, abs=0.02)
    assert float(b.mean()) == pytest.approx(0, abs=0.02)


def test_the_budget_left_over_goes_to_the_cases_left(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    shares: list[float] = []

    def note(shape: Shape, dtype: str, _device: DeviceInfo, share: float, _m: object) -> MatmulCase:
        shares.append(share)
        return MatmulCase(shape.m, shape.k, shape.n, dtype, CaseStatus.OK)

    monkeypatch.setattr(matmul, "run_case", note)
    list(run_cases([SMALL], ["float32"] * 4, cpu, 12))
    assert shares == pytest.approx([3, 4, 6, 12], rel=0.01)
