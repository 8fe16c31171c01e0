"""A stand-in for the pynvml module: one healthy H200, whose answers tests bend by name."""

from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import pynvml

GIB = 1 << 30
HEALTHY: dict[str, Any] = {
    "nvmlInit": None,
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
    "nvmlDeviceGetPowerManagementLimit": 700_000,
    "nvmlDeviceGetPowerManagementDefaultLimit": 700_000,
    "nvmlDeviceGetNvLinkState": 1,
    "nvmlErrorString": "Not Supported",
}
# By field number; a missing one is "not supported".
HEALTHY_FIELDS = {pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION: 0}
NOT_SUPPORTED = 3


class NvmlError(Exception):
    """Stands in for pynvml.NVMLError."""

    def __init__(self, reason: str, value: int = 999) -> None:
        super().__init__(reason)
        self.value = value


def fake_nvml(changes: Mapping[str, Any] | None = None) -> Any:
    """The module. {"error": reason, "code": 15} lets a question fail; {"at": [...]} has one answer
    for each first argument; other objects get attributes.
    """
    module: Any = ModuleType("pynvml")
    for name in dir(pynvml):  # constants and structures
        if name.startswith(("NVML_", "c_nvml", "nvmlEventType")):
            setattr(module, name, getattr(pynvml, name))
    module.NVMLError = NvmlError
    answers = {**HEALTHY, **(changes or {})}
    module.nvmlDeviceGetFieldValues = _fields(HEALTHY_FIELDS | answers.pop("fields", {}))
    module.nvmlDeviceGetGpuFabricInfoV = _filling(answers.pop("fabric", {"state": 0}))
    module.nvmlDeviceGetSramEccErrorStatus = _filling(answers.pop("sram", {}))
    for name, value in answers.items():
        setattr(module, name, _answering(value))
    return module


def _fields(values: Mapping[Any, int]) -> Callable[..., Any]:
    """Answer field values, by number or by the number's text."""
    known = {int(number): value for number, value in values.items()}

    def ask(_: object, numbers: list[int]) -> list[Any]:
        return [
            SimpleNamespace(
                fieldId=number,
                nvmlReturn=0 if number in known else NOT_SUPPORTED,
                valueType=pynvml.NVML_VALUE_TYPE_UNSIGNED_INT,
                value=SimpleNamespace(uiVal=known.get(number, 0)),
            )
            for number in numbers
        ]

    return ask


def _filling(values: Mapping[str, Any]) -> Callable[..., int]:
    """Fill in the structure that is passed by reference."""

    def ask(_: object, reference: Any) -> int:
        if "error" in values:
            raise NvmlError(values["error"])
        for name, value in values.items():
            setattr(reference._obj, name, value)
        return 0

    return ask


def _answering(value: Any) -> Callable[..., Any]:
    def ask(*arguments: Any) -> Any:
        if isinstance(value, dict) and "at" in value:
            return _answering(value["at"][arguments[0]])()
        if isinstance(value, dict) and "error" in value:
            raise NvmlError(value["error"], value.get("code", 999))
        return SimpleNamespace(**value) if isinstance(value, dict) else value

    return ask
