"""Timing, copies and convolutions on a real GPU."""

from dataclasses import replace

import pytest
import torch

from workload.bench.operations import Operation
from workload.bench.operations.convolution import Convolution
from workload.bench.operations.limits import Launch, copies
from workload.bench.operations.matmul import MatMul
from workload.bench.runner import run_case
from workload.bench.timers import make_timer
from workload.bench.timing import TimingConfig
from workload.core import roofline
from workload.core.methods import COLD, CUDA_EVENTS, CUDA_GRAPH
from workload.core.models.case import CaseStatus, Kind
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.hardware import devices
from workload.hardware.peaks import datasheet_ceilings

SMALL = MatMul(Shape(64, 64, 64), "float32")
LARGE = MatMul(Shape(4096, 4096, 4096), "float16")


@pytest.fixture
def gpu_info(device: str) -> DeviceInfo:
    """The target's GPU."""
    return devices.resolve(device)


def test_a_small_product_is_timed_by_a_graph_and_a_large_one_by_events(
    gpu_info: DeviceInfo,
) -> None:
    methods = []
    for operation in (SMALL, LARGE):
        case = run_case(operation, gpu_info, 2)
        assert case.timing is not None, case.reason
        methods.append(case.timing.method)
    assert methods == [CUDA_GRAPH, CUDA_EVENTS]


def test_a_graph_takes_the_launches_out_of_a_small_product(gpu_info: DeviceInfo) -> None:
    call = SMALL.prepare(gpu_info).call
    launched, replayed = (
        make_timer(method, call, gpu_info).batch(1000) for method in (CUDA_EVENTS, CUDA_GRAPH)
    )
    assert replayed < launched


def test_a_graph_computes_what_the_call_does(gpu_info: DeviceInfo) -> None:
    prepared = SMALL.prepare(gpu_info)
    make_timer(CUDA_GRAPH, prepared.call, gpu_info).batch(100)
    torch.cuda.synchronize()
    share = prepared.error_share()
    assert share is not None
    assert share <= 1


def test_the_gpu_is_read_inside_the_window(gpu_info: DeviceInfo) -> None:
    if devices.sensor(gpu_info) is None:
        pytest.fail("NVML does not know the GPU that CUDA uses: no telemetry")
    case = run_case(LARGE, gpu_info, 3)
    assert case.timing is not None
    told = case.timing.telemetry
    assert told is not None
    assert max(clock or 0 for clock in told.sm_clock_mhz) > 0
    assert max(watt or 0 for watt in told.power_watt) > 0


def test_cold_caches_are_flushed_before_each_call(gpu_info: DeviceInfo) -> None:
    cold = run_case(replace(LARGE, timing_config=TimingConfig(cache=COLD)), gpu_info, 3)
    assert cold.timing is not None
    assert (cold.timing.cache, cold.timing.calls_per_sample) == (COLD, 1)


def test_copies_transfers_and_launches_set_the_roofline(gpu_info: DeviceInfo) -> None:
    operations: list[Operation] = [Launch(), *copies(gpu_info)]
    cases = [run_case(operation, gpu_info, 2) for operation in operations]
    assert {case.status for case in cases} == {CaseStatus.OK}, [case.reason for case in cases]
    ceilings = roofline.measured(cases, datasheet_ceilings(gpu_info))
    assert ceilings.launch_sec
    assert ceilings.measured_gbs
    assert ceilings.host_to_device_gbs
    assert ceilings.device_to_host_gbs
    # Memory on the GPU is faster than any bus to it.
    assert ceilings.measured_gbs > ceilings.host_to_device_gbs


@pytest.mark.parametrize("dtype", ["float64", "float32", "tf32", "bfloat16", "float16"])
def test_cudnns_convolution_is_right(gpu_info: DeviceInfo, dtype: str) -> None:
    case = run_case(Convolution(8, 64, 56, 128, dtype), gpu_info, 3)
    if case.status is CaseStatus.NOT_APPLICABLE:
        assert dtype == "tf32"  # before Ampere
    else:
        assert case.status is CaseStatus.OK, case.reason


def test_a_product_tells_what_the_transfers_would_add(gpu_info: DeviceInfo) -> None:
    case = run_case(LARGE, gpu_info, 2)
    assert case.kind is Kind.MATMUL
    assert case.transfer_sec
