"""A stand-in for the pynvml module: one healthy H200, whose answers tests bend by name."""

from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

GIB = 1 << 30
HEALTHY: dict[str, Any] = {
    "nvmlInit": None,
    "nvmlShutdown": None,
    "nvmlSystemGetDriverVersion": "580.65.06",
    "nvmlSystemGetCudaDriverVersion_v2": 13000,
    "nvmlDeviceGetCount": 1,
    "nvmlDeviceGetHandleByIndex": "a handle",
    "nvmlDeviceGetName": "NVIDIA H200",
    "nvmlDeviceGetUUID": "GPU-0000",
    "nvmlDeviceGetCudaComputeCapability": (9, 0),
    "nvmlDeviceGetMemoryInfo": {"total": 141 * GIB, "free": 140 * GIB},
    "nvmlDeviceGetBrand": 14,
    "nvmlDeviceGetMigMode": (0, 0),
    "nvmlDeviceGetMaxMigDeviceCount": 7,
    "nvmlDeviceGetMigDeviceHandleByIndex": {"error": "Not Found"},
    "nvmlDeviceGetComputeMode": 0,
    "nvmlDeviceGetComputeRunningProcesses": ["this one"],
    "nvmlDeviceGetEccMode": (1, 1),
    "nvmlDeviceGetTotalEccErrors": 0,
    "nvmlDeviceGetRemappedRows": (0, 0, 0, 0),
    "nvmlDeviceGetPcieReplayCounter": 0,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x1,  # idle
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetPciInfo": {"busId": "00000000:65:00.0"},
    "nvmlDeviceGetMaxPcieLinkGeneration": 5,
    "nvmlDeviceGetGpuMaxPcieLinkGeneration": 5,
    "nvmlDeviceGetCurrPcieLinkWidth": 16,
}


class NvmlError(Exception):
    """Stands in for pynvml.NVMLError."""


def fake_nvml(changes: Mapping[str, Any] | None = None) -> Any:
    """The module; {"error": reason} lets a question fail, other objects get attributes."""
    module: Any = ModuleType("pynvml")
    module.NVMLError = NvmlError
    for name, value in {**HEALTHY, **(changes or {})}.items():
        setattr(module, name, _answering(value))
    return module


def _answering(value: Any) -> Callable[..., Any]:
    def ask(*_: object) -> Any:
        if isinstance(value, dict) and "error" in value:
            raise NvmlError(value["error"])
        return SimpleNamespace(**value) if isinstance(value, dict) else value

    return ask
