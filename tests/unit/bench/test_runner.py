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
from workload.cli.steps import measure
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
    assert f"matmul 64 float32 invalid: {reason}; repeat on an idle, cool machine" in outcome.stderr
    assert [case["gflops"] for case in json.loads(outcome.stdout)["cases"]] == [None]


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
    monkeypatch.setattr(matmul_command, "_search_each", lambda *_: ([wrong, right], []))
    outcome = workload(*"matmul --search --budget 0.2 --sizes 16 --dtypes float32".split())
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "matmul 48x64x80 float32 wrong: the result of the matmul is off" in outcome.stderr
