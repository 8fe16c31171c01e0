"""Read what the driver reports about faults of one GPU, through NVML.

Every value has its own return code. Unless the code is "success", the value is unknown, not 0.
Sources: nvml.h and the NVML API Reference Guide: field values, nvmlGpuFabricInfo_v2_t,
nvmlEccSramErrorStatus_v1_t.
"""

from collections.abc import Iterator, Sequence
from ctypes import byref
from typing import Any

from workload.core.models.gpu import Fabric, GpuHealth, NvLinks
from workload.hardware.gpu_state import Questions

SUCCESS = 0
NO_FABRIC = 0
FABRIC_STATES = {1: "not started", 2: "in progress", 3: "completed"}
# Each flag has two bits; the key is the lower bit's index. 1 means yes, 2 no, 0 not supported.
FABRIC_FLAGS = {
    0: "degraded bandwidth",
    2: "route recovery in progress",
    4: "unhealthy route",
    6: "access timeout recovery",
}
CONFIGURATION_BIT = 8  # the first of four bits; 0 means not supported, 1 no error
CONFIGURATION_ERRORS = {
    2: "wrong system GUID",
    3: "wrong chassis serial number",
    4: "no partition",
    5: "too few NVLinks",
    6: "incompatible GPU firmware",
    7: "invalid location",
    8: "invalid GPU state",
}
# Fields NVML_FI_DEV_…, totals over all links.
NVLINK_ERRORS = {
    "CRC errors (flow control)": "NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
    "CRC errors (data)": "NVLINK_CRC_DATA_ERROR_COUNT_TOTAL",
    "replays": "NVLINK_REPLAY_ERROR_COUNT_TOTAL",
    "recoveries": "NVLINK_RECOVERY_ERROR_COUNT_TOTAL",
}
ENABLED = 1
# nvmlValueType_t, and the member of the union nvmlValue_t that holds the value.
VALUE_TYPES = {0: "dVal", 1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal", 6: "usVal"}
COMPLETED = 3
MAX_LINKS = 18


def read_gpu_health(ask: Questions) -> GpuHealth:
    """Read the health of a GPU. This takes some milliseconds and changes nothing."""
    limit = ask("power-limit", "nvmlDeviceGetPowerManagementLimit")
    default = ask("power-limit", "nvmlDeviceGetPowerManagementDefaultLimit")
    threshold_exceeded, sram_uncorrectable = _sram(ask)
    return GpuHealth(
        recovery_action=read_recovery_action(ask),
        fabric=_fabric(ask),
        nvlinks=_nvlinks(ask),
        sram_threshold_exceeded=threshold_exceeded,
        sram_uncorrectable=sram_uncorrectable,
        # NVML_MEMORY_ERROR_TYPE_CORRECTED, NVML_VOLATILE_ECC
        ecc_corrected=ask("ecc-corrected", "nvmlDeviceGetTotalEccErrors", 0, 0),
        pcie_replays=ask("pcie-replays", "nvmlDeviceGetPcieReplayCounter"),
        power_limit_watt=None if limit is None else limit / 1e3,
        default_power_limit_watt=None if default is None else default / 1e3,
    )


def read_recovery_action(ask: Questions) -> int | None:
    """Return the driver's current recovery action; None if that is unknown."""
    [found] = read_fields(ask, ["GET_GPU_RECOVERY_ACTION"], "recovery-action")
    return found


def read_link_errors(ask: Questions) -> dict[str, int]:
    """Return the NVLink error counts since the GPU's last reset, without unknown counts."""
    counts = read_fields(ask, list(NVLINK_ERRORS.values()), "nvlink-errors")
    errors = zip(NVLINK_ERRORS, counts, strict=True)
    return {name: count for name, count in errors if count is not None}


def read_fields(ask: Questions, names: Sequence[str], question: str) -> list[int | None]:
    """Return the values of the fields NVML_FI_DEV_<name>; None for each unknown value."""
    numbers = [getattr(ask.nvml, f"NVML_FI_DEV_{name}", None) for name in names]
    known = [number for number in numbers if number is not None]
    values = ask(question, "nvmlDeviceGetFieldValues", known) if known else None
    found = {one.fieldId: one for one in values or ()}
    for one in found.values():
        if one.nvmlReturn != SUCCESS:
            ask.silent[question] = ask.nvml.nvmlErrorString(one.nvmlReturn)
    return [_value(found.get(number)) for number in numbers]


def _value(field: Any) -> int | None:
    """Return a field's value; None unless its return code is "success" and its type is known."""
    if field is None or field.nvmlReturn != SUCCESS:
        return None
    name = VALUE_TYPES.get(field.valueType)
    return None if name is None else int(getattr(field.value, name))


def _fabric(ask: Questions) -> Fabric | None:
    make = getattr(ask.nvml, "c_nvmlGpuFabricInfo_v2_t", None)  # missing in older bindings
    info = make() if make else None
    if info is None or ask("fabric", "nvmlDeviceGetGpuFabricInfoV", byref(info)) is None:
        return None
    if info.state == NO_FABRIC:
        return None
    failed = info.state == COMPLETED and info.status != SUCCESS
    return Fabric(
        state=FABRIC_STATES.get(info.state, f"number {info.state}"),
        error=ask.nvml.nvmlErrorString(info.status) if failed else None,
        unhealthy=tuple(_unhealthy(info.healthMask)),
    )


def _unhealthy(mask: int) -> Iterator[str]:
    for bit, name in FABRIC_FLAGS.items():
        if mask >> bit & 0b11 == 1:
            yield name
    configuration = mask >> CONFIGURATION_BIT & 0b1111
    if configuration > 1:
        text = CONFIGURATION_ERRORS.get(configuration, f"error {configuration}")
        yield f"wrong configuration: {text}"


def _sram(ask: Questions) -> tuple[bool | None, int | None]:
    """Return whether the SRAM error threshold was exceeded, and the number of uncorrectable errors.

    The errors are counted since the last reset.
    """
    make = getattr(ask.nvml, "c_nvmlEccSramErrorStatus_v1_t", None)  # missing in older bindings
    status = make() if make else None
    if status is None or ask("sram-ecc", "nvmlDeviceGetSramEccErrorStatus", byref(status)) is None:
        return None, None
    return bool(status.bThresholdExceeded), status.volatileUncParity + status.volatileUncSecDed


def _nvlinks(ask: Questions) -> NvLinks | None:
    """Read the state of the NVLinks; None for a GPU without NVLink."""
    states = {link: ask("nvlink", "nvmlDeviceGetNvLinkState", link) for link in range(MAX_LINKS)}
    existing = {link: state for link, state in states.items() if state is not None}
    if not existing:
        return None
    errors = read_link_errors(ask)
    return NvLinks(
        active=sum(state == ENABLED for state in existing.values()),
        inactive=tuple(link for link, state in existing.items() if state != ENABLED),
        errors={name: count for name, count in errors.items() if count},
    )
