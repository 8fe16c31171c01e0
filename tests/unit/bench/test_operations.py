"""Each operation counts its work, and its check finds wrong results."""

from dataclasses import replace

import pytest
import torch
from msgspec import structs
from support.half_sums import conv2d_in_float16

from workload.bench.operations import Operation
from workload.bench.operations.convolution import Convolution, error_share
from workload.bench.operations.limits import CACHES, Copy, Launch, copies
from workload.bench.operations.matmul import MatMul
from workload.bench.runner import run_case
from workload.core.models.case import CaseStatus, Kind
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.hardware import devices

CONVOLUTION = Convolution(images=2, channels=8, edge=12, filters=16, dtype="float32")


def test_the_bytes_of_a_product_are_both_inputs_and_the_result() -> None:
    product = MatMul(Shape(10, 20, 30), "bfloat16")
    assert product.bytes == 2 * (10 * 20 + 20 * 30 + 10 * 30)


def test_the_flops_of_a_convolution_are_those_of_every_filter_at_every_place() -> None:
    assert CONVOLUTION.out_edge == 6
    assert CONVOLUTION.flops == 2 * (2 * 16 * 6 * 6) * (8 * 3 * 3)


def test_a_copy_reads_and_writes_what_a_transfer_moves_once() -> None:
    assert Copy(Kind.COPY, 100).bytes == 2 * Copy(Kind.TO_DEVICE, 100).bytes == 800


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_a_right_convolution_is_timed(dtype: str, cpu: DeviceInfo) -> None:
    case = run_case(replace(CONVOLUTION, dtype=dtype), cpu, 0.5)
    assert case.status is CaseStatus.OK, case.reason
    assert case.gflops


@pytest.mark.parametrize(
    "operation", [Launch(), Copy(Kind.COPY, 1 << 16)], ids=lambda operation: operation.kind
)
def test_what_computes_nothing_is_timed_without_gflops(
    operation: Operation, cpu: DeviceInfo
) -> None:
    case = run_case(operation, cpu, 0.2)
    assert (case.status, case.error_share) == (CaseStatus.OK, 0.0)
    assert case.gflops is None
    assert case.gbs


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 7, 3, 5), (1, 15, 5, 5)])
def test_one_wrong_element_of_a_convolution_is_found(
    place: tuple[int, ...], cpu: DeviceInfo
) -> None:
    prepared = CONVOLUTION.prepare(cpu)
    result = prepared.call()
    assert isinstance(result, torch.Tensor)
    result[place] += 0.1
    images, filters = prepared.inputs
    share = error_share(images, filters, result, "float32", cpu)
    assert share is not None
    assert share > 1


def test_a_convolution_in_bfloat16_does_not_pass_for_float32(cpu: DeviceInfo) -> None:
    images, filters = CONVOLUTION.prepare(cpu).inputs
    rounded = torch.nn.functional.conv2d(
        images.bfloat16(), filters.bfloat16(), stride=2, padding=1
    ).float()
    share = error_share(images, filters, rounded, "float32", cpu)
    assert share is not None
    assert share > 1


def test_a_convolution_that_is_not_finite_has_no_error(cpu: DeviceInfo) -> None:
    images, filters = CONVOLUTION.prepare(cpu).inputs
    result = torch.full((2, 16, 6, 6), torch.nan)
    assert error_share(images, filters, result, "float32", cpu) is None


@pytest.mark.parametrize(("architecture", "is_right"), [("aarch64", True), ("x86_64", False)])
def test_a_convolution_summed_in_float16_is_right_on_an_arm_cpu_alone(
    architecture: str, is_right: bool, cpu: DeviceInfo
) -> None:
    device = structs.replace(cpu, architecture=architecture)
    images, filters = replace(CONVOLUTION, dtype="float16").prepare(cpu).inputs
    share = error_share(images, filters, conv2d_in_float16(images, filters), "float16", device)
    assert share is not None
    assert (share <= 1) is is_right


def test_a_copy_that_changed_an_element_is_wrong(cpu: DeviceInfo) -> None:
    prepared = Copy(Kind.COPY, 1000).prepare(cpu)
    prepared.call()
    assert prepared.error_share() == 0.0
    prepared.output[500] += 1
    assert prepared.error_share() is None


def test_transfers_are_not_applicable_on_a_cpu(cpu: DeviceInfo) -> None:
    case = run_case(Copy(Kind.TO_DEVICE, 1000), cpu, 1)
    assert (case.status, case.reason) == (
        CaseStatus.NOT_APPLICABLE,
        "not supported by a CPU: it has no bus to copy over",
    )


def test_the_copy_is_far_larger_than_the_cache(cpu: DeviceInfo) -> None:
    (within,) = copies(structs.replace(cpu, cache_bytes=100 << 20))
    assert within.bytes == 2 * CACHES * (100 << 20)


def test_a_small_memory_is_not_asked_for_a_large_copy(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 500 << 20)
    assert copies(cpu) == []


@pytest.mark.parametrize(
    "operation", [MatMul(Shape(500, 20, 4000), "float32"), CONVOLUTION, Copy(Kind.COPY, 10**6)]
)
def test_a_clipped_operation_is_no_larger_and_of_the_same_kind(operation: Operation) -> None:
    clipped = operation.clipped(64)
    assert (clipped.kind, clipped.dtype) == (operation.kind, operation.dtype)
    assert clipped.bytes <= operation.bytes
