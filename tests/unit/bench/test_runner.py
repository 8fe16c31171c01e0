"""A case is timed only if it fits, has standard inputs and a correct result."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from msgspec import structs
from support.outcome import Outcome
from torch import Tensor

from workload.bench import result_check, runner
from workload.bench.operations import Operation
from workload.bench.operations.matmul import MatMul, Multiply
from workload.bench.runner import run_case, run_cases, unmeasured
from workload.cli.commands import matmul as matmul_command
from workload.cli.steps import matmuls, measure
from workload.core.errors import ExitCode
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Timing
from workload.core.shape import Shape
from workload.hardware import devices, precision

SMALL = MatMul(Shape(48, 64, 80), "float32")
LARGE = MatMul(Shape(4096, 128, 4096), "float32")


def small(multiply: Multiply) -> MatMul:
    return dataclasses.replace(SMALL, multiply=multiply)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("shape", [Shape(1, 1, 1), Shape(7, 3, 5), Shape(200, 1000, 10)])
def test_a_right_product_is_timed(shape: Shape, dtype: str, cpu: DeviceInfo) -> None:
    case = run_case(MatMul(shape, dtype), cpu, 0.2)
    assert case.status is CaseStatus.OK
    assert case.gflops is not None
    assert case.timing is not None
    assert (case.timing.method, case.timing.cache) == ("host clock", "warm")


def test_gflops_are_the_multiplies_and_adds_over_the_median_time() -> None:
    timing = Timing("host clock", "warm", 1, (1e-6, 3e-6, 2e-6), 0.0, True, 0.0)
    untimed = unmeasured(MatMul(Shape(10, 20, 30), "float32"), CaseStatus.OK)
    case = structs.replace(untimed, timing=timing)
    assert case.gflops == pytest.approx(2 * 10 * 20 * 30 / 2e-6 / 1e9)


def test_an_invalid_case_keeps_its_samples_but_has_no_rate() -> None:
    timing = Timing("host clock", "warm", 1, (1e-6,), 0.0, True, 0.0)
    case = structs.replace(unmeasured(SMALL, CaseStatus.INVALID), timing=timing)
    assert (case.gflops, case.gbs, case.median_sec) == (None, None, 1e-6)


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
def test_a_wrong_product_has_no_speed(multiply: Multiply, cpu: DeviceInfo) -> None:
    case = run_case(small(multiply), cpu, 0.2)
    assert case.status is CaseStatus.WRONG
    assert case.gflops is None


def test_one_wrong_element_far_from_the_sampled_rows_is_found(cpu: DeviceInfo) -> None:
    """A matmul so large that only some of its rows are compared element by element."""
    assert LARGE.flops > result_check.FULL_CHECK_FLOPS
    wrong = dataclasses.replace(LARGE, multiply=with_one_wrong_element)
    assert run_case(wrong, cpu, 3).status is CaseStatus.WRONG


def test_a_large_right_product_passes_the_sampled_check(cpu: DeviceInfo) -> None:
    assert run_case(LARGE, cpu, 5).status is CaseStatus.OK


def constant(value: float) -> Callable[..., Tensor]:
    def draw(shape: tuple[int, ...], dtype: str, _device: DeviceInfo, _seed: int) -> Tensor:
        return torch.full(shape, value, dtype=precision.torch_dtype(dtype))

    return draw


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "an input has the standard deviation 0, not 1: constant or scaled inputs"),
        (1.0, "an input has the standard deviation 0, not 1"),
        (torch.nan, "an input contains numbers that are not finite"),
    ],
)
def test_inputs_that_are_not_random_have_no_speed(
    value: float, words: str, cpu: DeviceInfo
) -> None:
    case = run_case(dataclasses.replace(SMALL, draw=constant(value)), cpu, 0.2)
    assert case.status is CaseStatus.WRONG
    assert case.gflops is None
    assert words in (case.reason or "")


@pytest.mark.parametrize(
    "change",
    [{"multiply": with_one_wrong_element}, {"draw": constant(0)}, {"draw": constant(torch.nan)}],
)
def test_a_wrong_product_or_unfair_input_ends_with_exit_3(
    change: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    workload: Callable[..., Outcome],
) -> None:
    wrong = dataclasses.replace(SMALL, **change)
    monkeypatch.setattr(matmul_command, "requested_matmuls", lambda *_: [wrong])
    outcome = workload("matmul", "--budget", "0.2")
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "matmul 48x64x80 float32 wrong: " in outcome.stderr
    assert "run `workload doctor`" in outcome.stderr


def test_an_invalid_case_ends_with_exit_4_and_its_reason(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    reason = "the GPU was throttled (hardware thermal slowdown)"
    monkeypatch.setattr(Timing, "invalid", reason)
    outcome = workload(*"matmul --sizes 64 --dtypes float32 --budget 0.2 --json".split())
    assert outcome.code == ExitCode.UNFIT
    assert f"matmul 64 float32 invalid: {reason}: repeat on an idle, cool machine" in outcome.stderr
    assert saved_rates(outcome) == [None]


def saved_rates(outcome: Outcome) -> list[float | None]:
    return [case["gflops"] for case in json.loads(outcome.stdout)["cases"]]


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
    assert [shape.m for shape in matmuls.default_shapes(cpu)] == [512, 1024]


def test_tf32_is_not_applicable_on_a_cpu(cpu: DeviceInfo) -> None:
    tf32 = dataclasses.replace(SMALL, dtype="tf32")
    assert run_case(tf32, cpu, 1).status is CaseStatus.NOT_APPLICABLE


def test_tf32_is_not_applicable_before_compute_capability_8(cpu: DeviceInfo) -> None:
    turing = structs.replace(cpu, kind="cuda", capability="7.5")
    case = run_case(dataclasses.replace(SMALL, dtype="tf32"), turing, 1)
    assert case.reason == "TF32 is not supported by compute capability 7.5: it needs 8.0"


def test_both_inputs_are_normal_and_not_the_same_numbers(cpu: DeviceInfo) -> None:
    a, b = MatMul(Shape(300, 300, 300), "float32").prepare(cpu).inputs
    assert float(a.std()) == pytest.approx(1, abs=0.02)
    assert float(b.mean()) == pytest.approx(0, abs=0.02)
    assert not torch.equal(a, b)


def test_the_budget_left_over_goes_to_the_cases_left(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    shares: list[float] = []

    def note(operation: Operation, _device: DeviceInfo, share: float) -> Case:
        shares.append(share)
        return unmeasured(operation, CaseStatus.OK)

    monkeypatch.setattr(runner, "run_case", note)
    list(run_cases([SMALL] * 4, cpu, 12))
    assert shares == pytest.approx([3, 4, 6, 12], rel=0.01)


def test_the_limits_come_before_the_cases_they_rate(cpu: DeviceInfo) -> None:
    kinds = [operation.kind for operation in measure.limiting_operations(cpu)]
    assert kinds == ["launch", "copy"]


def test_a_wrong_product_of_the_search_ends_with_exit_3(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    wrong = unmeasured(SMALL, CaseStatus.WRONG, "the result of the matmul is off")
    right = run_case(MatMul(Shape(8, 8, 8), "float32"), devices.resolve("cpu"), 0.1)
    monkeypatch.setattr(matmul_command, "search_and_record", lambda *_: ([wrong, right], []))
    outcome = workload(*"matmul --search --budget 0.2 --sizes 16 --dtypes float32".split())
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "matmul 48x64x80 float32 wrong: the result of the matmul is off" in outcome.stderr
