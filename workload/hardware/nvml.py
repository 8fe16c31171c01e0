"""Read facts about the GPU driver, its GPUs and their links, without CUDA or PyTorch.

Links are NVLinks and PCIe paths. Sources: nvml.h, nvmlNvlinkVersion_t,
nvmlIntNvLinkDeviceType_t, nvmlGpuTopologyLevel_t; `nvidia-smi topo -m`, "Legend".
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from workload.core.models.gpu import SWITCH, Driver, Gpu, GpuLinks
from workload.hardware.gpu_health import ENABLED, MAX_LINKS, read_gpu_health
from workload.hardware.gpu_state import (
    Questions,
    answer,
    failures,
    pci_address,
    read_gpu_state,
    read_pcie,
)

GENERATIONS = {1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 5, 8: 6}  # nvmlNvlinkVersion_t
TO_SWITCH = 2  # nvmlIntNvLinkDeviceType_t
PATHS = {0: "INT", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}  # nvmlGpuTopologyLevel_t


class HardwareError(Exception):
    """The driver could not be queried; `code` is the nvmlReturn_t, or None if there is none."""

    def __init__(self, reason: str, code: int | None = None, *, hung: bool = False) -> None:
        """Store the reason; `hung` means that no answer came within the time limit."""
        super().__init__(reason)
        self.code = code
        self.hung = hung


def read_driver() -> Driver:
    """Read the driver and its GPUs through NVML, the management library that ships with the driver.

    Raises HardwareError with NVML's reason. NVML stays open until the process ends.
    """
    nvml = load_nvml()
    try:
        nvml.nvmlInit()
        return _read_driver(nvml)
    except failures(nvml) as error:
        raise nvml_error(error) from None


def nvml_error(error: Exception) -> HardwareError:
    """Convert an exception of NVML's binding into a HardwareError with the same code."""
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


def read_links() -> tuple[GpuLinks, ...]:
    """Read the links of all GPUs. Raises HardwareError, or the binding's error if NVML fails.

    NVML stays open until the process ends.
    """
    nvml = load_nvml()
    nvml.nvmlInit()
    handles: dict[str, Any] = {}
    for index in range(nvml.nvmlDeviceGetCount()):
        handle = answer(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
        uuid = None if handle is None else answer(nvml, nvml.nvmlDeviceGetUUID, handle)
        if uuid is not None:
            handles[uuid] = handle
    addresses = {
        pci_address(info.busId): uuid
        for uuid, handle in handles.items()
        if (info := answer(nvml, nvml.nvmlDeviceGetPciInfo, handle)) is not None
    }
    return tuple(_links_of(nvml, uuid, handles, addresses) for uuid in handles)


def _links_of(
    nvml: Any, uuid: str, handles: Mapping[str, Any], addresses: Mapping[str, str]
) -> GpuLinks:
    ask = Questions(nvml, handles[uuid])
    states = {link: ask("nvlink", "nvmlDeviceGetNvLinkState", link) for link in range(MAX_LINKS)}
    active = [link for link, state in states.items() if state == ENABLED]
    versions = {ask("nvlink", "nvmlDeviceGetNvLinkVersion", link) for link in active}
    ends = Counter(_other_end(ask, link, addresses) for link in active)
    paths = {
        other: ask("topology", "nvmlDeviceGetTopologyCommonAncestor", handle)
        for other, handle in handles.items()
        if other != uuid
    }
    return GpuLinks(
        uuid=uuid,
        pcie=read_pcie(ask),
        nvlink_generation=GENERATIONS.get(versions.pop()) if len(versions) == 1 else None,
        nvlinks={end: count for end, count in ends.items() if end is not None},
        paths={other: PATHS[level] for other, level in paths.items() if level in PATHS},
    )


def _other_end(ask: Questions, link: int, addresses: Mapping[str, str]) -> str | None:
    """Return the UUID of the GPU at the link's other end, or SWITCH; None for anything else."""
    if ask("nvlink", "nvmlDeviceGetNvLinkRemoteDeviceType", link) == TO_SWITCH:
        return SWITCH
    info = ask("nvlink", "nvmlDeviceGetNvLinkRemotePciInfo", link)
    return None if info is None else addresses.get(pci_address(info.busId))
