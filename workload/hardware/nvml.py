"""Read the GPU driver's facts about itself and its GPUs, without CUDA or PyTorch."""

from typing import Any

from msgspec.structs import replace

from workload.core.models.gpu import Driver, Gpu
from workload.hardware.gpu_health import read_gpu_health
from workload.hardware.gpu_state import Questions, answer, failures, read_gpu_state


class HardwareError(Exception):
    """The driver did not answer. The text is the library's reason, `code` is `nvmlReturn_t`."""

    def __init__(self, reason: str, code: int | None = None, *, hung: bool = False) -> None:
        """Take the reason; `hung` if there was none within the time limit."""
        super().__init__(reason)
        self.code = code
        self.hung = hung


def read_driver() -> Driver:
    """Read the driver and its GPUs through NVML, NVIDIA's management library, which ships with it.

    Raises HardwareError with NVML's reason. NVML stays open until the process ends.
    """
    nvml = load_nvml()
    try:
        nvml.nvmlInit()
        return _read_driver(nvml)
    except failures(nvml) as error:
        raise nvml_error(error) from None


def nvml_error(error: Exception) -> HardwareError:
    """Return an error of NVML's binding with its code."""
    reason = str(error).removeprefix("NVML ").rstrip(".")
    return HardwareError(f"NVML: {reason}", getattr(error, "value", None))


def load_nvml() -> Any:
    """Import NVML's Python binding. Raises HardwareError if it is missing."""
    try:
        import pynvml  # noqa: PLC0415  on demand
    except ImportError as error:
        raise HardwareError(f"the Python package nvidia-ml-py is missing ({error})") from None
    return pynvml


def _read_driver(nvml: Any) -> Driver:
    cuda = answer(nvml, nvml.nvmlSystemGetCudaDriverVersion_v2)  # 13000
    return Driver(
        version=nvml.nvmlSystemGetDriverVersion(),
        cuda_version=None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        gpus=tuple(_read_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())),
    )


def _read_gpu(nvml: Any, index: int) -> Gpu:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        name = nvml.nvmlDeviceGetName(handle)
    except failures(nvml) as error:  # off the bus, or not permitted: the GPU still exists
        code = getattr(error, "value", None)
        return Gpu(index, None, None, None, None, None, None, str(error), code)
    capability = answer(nvml, nvml.nvmlDeviceGetCudaComputeCapability, handle)
    memory = answer(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    ask = Questions(nvml, handle)
    health = read_gpu_health(ask)
    return Gpu(
        index=index,
        name=name,
        uuid=answer(nvml, nvml.nvmlDeviceGetUUID, handle),
        capability=None if capability is None else "{}.{}".format(*capability),
        memory_total_bytes=None if memory is None else memory.total,
        memory_free_bytes=None if memory is None else memory.free,
        state=replace(read_gpu_state(ask), health=health),
    )
