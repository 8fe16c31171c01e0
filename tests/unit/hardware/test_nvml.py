"""Driver facts through a fake of the pynvml module, and through the real one."""

import re
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from support.fakes.nvml import NvmlError

from workload.core.models.gpu import Gpu
from workload.hardware.nvml import HardwareError, read_driver


def raising(reason: str, code: int = 999) -> Callable[..., Any]:
    def ask(*_: object) -> Any:
        raise NvmlError(reason, code)

    return ask


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pynvml with one H200; tests bend single answers."""
    module: Any = ModuleType("pynvml")
    module.NVMLError = NvmlError
    module.nvmlInit = lambda: None
    module.nvmlSystemGetDriverVersion = lambda: "580.65.06"
    module.nvmlSystemGetCudaDriverVersion_v2 = lambda: 13010
    module.nvmlDeviceGetCount = lambda: 1
    module.nvmlDeviceGetHandleByIndex = lambda index: f"handle {index}"
    module.nvmlDeviceGetName = lambda _: "NVIDIA H200"
    module.nvmlDeviceGetUUID = lambda _: "GPU-1"
    module.nvmlDeviceGetCudaComputeCapability = lambda _: (9, 0)
    module.nvmlDeviceGetMemoryInfo = lambda _: SimpleNamespace(total=100, free=90)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


@pytest.mark.usefixtures("nvml")
def test_the_driver_tells_its_version_and_its_cuda() -> None:
    driver = read_driver()
    assert (driver.version, driver.cuda_version) == ("580.65.06", "13.1")


@pytest.mark.usefixtures("nvml")
def test_a_gpu_tells_all_it_knows() -> None:
    (gpu,) = read_driver().gpus
    assert replace(gpu, state=None) == Gpu(0, "NVIDIA H200", "GPU-1", "9.0", 100, 90)


def test_a_driver_without_gpus_has_no_gpus(nvml: Any) -> None:
    nvml.nvmlDeviceGetCount = lambda: 0
    assert read_driver().gpus == ()


def test_what_a_gpu_does_not_support_is_unknown(nvml: Any) -> None:
    nvml.nvmlDeviceGetMemoryInfo = raising("Not Supported")
    assert read_driver().gpus[0].memory_total_bytes is None


def test_a_gpu_that_is_lost_is_still_counted(nvml: Any) -> None:
    nvml.nvmlDeviceGetHandleByIndex = raising("GPU is lost", 15)
    (gpu,) = read_driver().gpus
    assert (gpu.index, gpu.name, gpu.error, gpu.code) == (0, None, "GPU is lost", 15)


def test_a_gpu_that_is_lost_after_its_handle_is_still_counted(nvml: Any) -> None:
    nvml.nvmlDeviceGetName = raising("GPU is lost", 15)
    assert [gpu.code for gpu in read_driver().gpus] == [15]


def test_a_function_that_an_old_driver_lacks_is_unknown(nvml: Any) -> None:
    class MismatchError(Exception):
        """As the binding's, which is no NVMLError."""

    def fails(_: object) -> None:
        raise MismatchError("Unversioned function called and the pyNVML version does not match")

    nvml.NVMLLibraryMismatchError = MismatchError
    nvml.nvmlDeviceGetComputeRunningProcesses = fails
    (gpu,) = read_driver().gpus
    assert gpu.state
    assert gpu.state.processes is None
    reason = "this driver has no nvmlDeviceGetComputeRunningProcesses"
    assert gpu.state.silent["gpu-shared"] == reason


def test_a_driver_that_does_not_load_fails_with_the_reason(nvml: Any) -> None:
    nvml.nvmlInit = raising("RM has detected an NVML/RM version mismatch.", 18)
    with pytest.raises(HardwareError, match=r"^NVML: RM has detected .* mismatch$") as caught:
        read_driver()
    assert caught.value.code == 18


def test_a_driver_that_fails_in_the_middle_fails_with_the_reason(nvml: Any) -> None:
    nvml.nvmlDeviceGetCount = raising("Unknown Error")
    with pytest.raises(HardwareError, match=r"^NVML: Unknown Error$"):
        read_driver()


def test_a_missing_package_is_a_reason_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(HardwareError, match="nvidia-ml-py is missing"):
        read_driver()


def told() -> str:
    try:
        return read_driver().version
    except HardwareError as error:
        return str(error)


def test_the_real_library_tells_its_version_or_its_reason() -> None:
    assert re.match(r"\d+\.\d+|NVML: \w+", told())
