"""Which device is used: `auto` says why, an explicit CUDA device never falls back."""

import re
from types import SimpleNamespace

import pytest
import torch
from msgspec.structs import replace

from workload.core.errors import BadInputError, UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.models.gpu import CudaStart
from workload.core.models.rating import Ceilings
from workload.hardware import cuda_problem, devices, peaks
from workload.hardware.binding import Binding
from workload.hardware.nvml import HardwareError
from workload.hardware.peaks import datasheet_ceilings


class CudaStub:
    """A GPU as torch reports it, with a `fault`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
        start = changes.pop("start", CudaStart("libcuda.so.1", 13000, code=0, count=1, context=0))
        facts: dict[str, object] = {
            "init": None,
            "get_device_capability": (9, 0),
            "get_arch_list": ["sm_80", "sm_90"],
            "get_device_properties": SimpleNamespace(
                name="NVIDIA H200",
                major=9,
                minor=0,
                total_memory=150_000_000_000,
                multi_processor_count=132,
                L2_cache_size=60 << 20,
                uuid="0000",
            ),
            **changes,
        }
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(cuda_problem, "cuda_start", lambda _index: start)
        monkeypatch.setattr(cuda_problem, "driver_visible", lambda: True)
        monkeypatch.setattr(devices, "driver_version", lambda: "580.65.06")
        for name, value in facts.items():
            monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
        # The kernel that proves the GPU runs on the CPU instead.
        ones = torch.ones
        monkeypatch.setattr(torch, "ones", lambda *shape, **_: ones(*shape))


@pytest.mark.parametrize("text", ["", "gpu", "cpu:0", "cuda:", "cuda:-1", "CUDA", "cuda:²"])
def test_unknown_devices_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="use auto, cpu, cuda or cuda:N"):
        devices.parse(text)


def test_auto_takes_a_gpu_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    CudaStub(monkeypatch)
    device = devices.resolve("auto")
    assert (device.torch_name, device.capability) == ("cuda:0", "9.0")
    assert (device.sm_count, device.cache_bytes) == (132, 60 << 20)
    assert device.reason == "auto: CUDA works here"


def test_auto_without_cuda_takes_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    device = devices.resolve("auto")
    assert device.kind == "cpu"
    assert device.reason.startswith("auto: this torch is the CPU build")


def test_cuda_on_the_cpu_build_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(UnfitError, match=r"the CPU build: use the GPU image or a CUDA build"):
        devices.resolve("cuda")


def test_an_index_beyond_the_gpus_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    CudaStub(monkeypatch, start=CudaStart(code=0, count=2))
    with pytest.raises(UnfitError, match=r"cuda:9 does not exist: choose one of cuda:0 to cuda:1"):
        devices.resolve("cuda:9")


def test_a_gpu_without_kernels_is_refused_though_cuda_is_available(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    CudaStub(monkeypatch, get_device_capability=(6, 1))
    text = r"this torch has no kernels for compute capability 6\.1, only for sm_"
    with pytest.raises(UnfitError, match=text):
        devices.resolve("cuda")


STARTS = {
    "an old libcuda": (
        CudaStart("/old/libcuda.so.1", 12040, code=100),
        "CUDA 13.0 needs driver 580 or newer; /old/libcuda.so.1 is for CUDA 12.4: update",
    ),
    "a code": (
        CudaStart("libcuda.so.1", 13000, code=802),
        "CUDA does not start (system not yet initialized, error 802): on a host with NVSwitches",
    ),
    "a GPU that another process has": (
        CudaStart("libcuda.so.1", 13000, code=0, count=1, context=46),
        "cuda:0 cannot be used (CUDA-capable device(s) is/are busy or unavailable, error 46): ",
    ),
    "a hang": (
        CudaStart(error="did not answer within 120 s", hung=True),
        "the NVIDIA driver did not answer within 120 s: reboot the host",
    ),
    "an abort": (
        CudaStart(error="ended by SIGABRT", signal="SIGABRT"),
        "the NVIDIA driver ended by SIGABRT: reboot the host",
    ),
    "no libcuda": (
        CudaStart(error="libcuda.so.1: cannot open shared object file"),
        "CUDA does not start (libcuda.so.1: cannot open shared object file): ",
    ),
}


@pytest.mark.parametrize(("start", "text"), STARTS.values(), ids=list(STARTS))
def test_a_driver_that_does_not_start_is_refused_with_its_reason(
    start: CudaStart, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    CudaStub(monkeypatch, start=start)
    with pytest.raises(UnfitError, match=re.escape(f"device cuda is not usable: {text}")):
        devices.resolve("cuda")


def test_auto_gives_the_whole_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    CudaStub(monkeypatch, start=CudaStart("libcuda.so.1", 13000, code=803))
    assert devices.resolve("auto").reason == (
        "auto: CUDA does not start "
        "(system has unsupported display driver / cuda driver combination, error 803)"
    )


def test_a_gpu_that_cuda_visible_devices_hides_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    CudaStub(monkeypatch, start=CudaStart(code=0, count=1))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,9,1")
    with pytest.raises(UnfitError, match=r"choose cuda:0; CUDA_VISIBLE_DEVICES is set to '0,9,1'"):
        devices.resolve("cuda:1")


def test_anything_that_torch_raises_is_no_working_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    CudaStub(monkeypatch)

    def fails(*_: object) -> None:
        raise AssertionError("Invalid device id")

    monkeypatch.setattr(torch.cuda, "get_device_capability", fails)
    with pytest.raises(UnfitError, match=r"a kernel failed \(Invalid device id\)"):
        devices.resolve("cuda")


def test_no_driver_at_all_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    CudaStub(monkeypatch)
    monkeypatch.setattr(cuda_problem, "driver_visible", lambda: False)
    with pytest.raises(UnfitError, match="no NVIDIA driver is visible here"):
        devices.resolve("cuda")


def test_a_kernel_that_fails_is_no_working_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    CudaStub(monkeypatch)

    def no_image(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nmore")

    monkeypatch.setattr(torch, "ones", no_image)
    with pytest.raises(UnfitError, match=r"a kernel failed \(CUDA error: no kernel image"):
        devices.resolve("cuda")


def test_a_wrong_product_of_ones_is_no_working_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    CudaStub(monkeypatch)
    monkeypatch.setattr(torch, "ones", lambda *shape, **_: torch.zeros(*shape))
    assert devices.resolve("auto").reason.startswith("auto: a matmul of ones gave a wrong result")


def test_threads_respect_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    limits = SimpleNamespace(usable_threads=1, memory_limit_bytes=None)
    monkeypatch.setattr(devices, "read_limits", lambda: limits)
    try:
        assert devices.resolve("cpu").threads == 1
    finally:
        torch.set_num_threads(before)


def test_a_cpu_has_no_sensor(cpu: DeviceInfo) -> None:
    assert devices.sensor(cpu) is None


def test_a_gpu_that_the_driver_does_not_know_has_no_sensor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    CudaStub(monkeypatch)

    def unknown(uuid: str) -> None:
        raise HardwareError(f"no {uuid}")

    monkeypatch.setattr(devices, "NvmlSensor", unknown)
    devices.sensor.cache_clear()
    assert devices.sensor(devices.resolve("cuda")) is None


def test_the_number_of_threads_is_set_and_told(cpu: DeviceInfo) -> None:
    try:
        assert devices.set_threads(cpu, 1).threads == torch.get_num_threads() == 1
    finally:
        devices.set_threads(cpu, cpu.threads)


def test_threads_bound_to_one_cpu_are_limited_to_it_and_the_peak_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = torch.get_num_threads()
    one, both = frozenset({0}), frozenset({0, 1})
    bound = Binding(one, one, both, "GOMP_CPU_AFFINITY=0")
    limits = SimpleNamespace(usable_threads=2, memory_limit_bytes=None)
    monkeypatch.setattr(devices, "read_limits", lambda: limits)
    monkeypatch.setattr(devices, "read_binding", lambda _torch: bound)
    try:
        device = devices.resolve("cpu")
    finally:
        torch.set_num_threads(before)
    assert (device.threads, device.usable_cpus) == (1, 2)
    assert device.binding == (
        "GOMP_CPU_AFFINITY=0 bound the main thread to CPU 0 and all threads together to CPU 0, "
        "of 2 CPUs (0-1)"
    )


def test_a_cpus_peak_is_that_of_all_its_cpus(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(
        peaks, "nominal_cpu_peaks", lambda _processor, cpus: Ceilings(peak_gflops={"float32": cpus})
    )
    found = datasheet_ceilings(replace(cpu, threads=1, usable_cpus=2))
    assert found.peak_gflops == {"float32": 2}
