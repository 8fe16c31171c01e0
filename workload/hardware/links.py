"""Read through NVML what connects the GPUs of this machine: NVLinks, and their paths over PCIe.

What the driver does not report is left out. Sources: nvml.h, nvmlNvlinkVersion_t,
nvmlIntNvLinkDeviceType_t, nvmlGpuTopologyLevel_t; `nvidia-smi topo -m`, "Legend".
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from workload.core.models.gpu import SWITCH, GpuLinks
from workload.hardware.gpu_health import ENABLED, MAX_LINKS
from workload.hardware.gpu_state import Questions, answer, pci_address, read_pcie
from workload.hardware.nvml import load_nvml

GENERATIONS = {1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 5, 8: 6}  # nvmlNvlinkVersion_t
TO_SWITCH = 2  # nvmlIntNvLinkDeviceType_t
PATHS = {0: "INT", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}  # nvmlGpuTopologyLevel_t


def read_links() -> tuple[GpuLinks, ...]:
    """Read all GPUs. Raises HardwareError, or an error of NVML's binding, where it does not start.

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
    return tuple(_read(nvml, uuid, handles, addresses) for uuid in handles)


def _read(
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
    """Return the UUID of the GPU at the other end, or SWITCH; None for anything else."""
    if ask("nvlink", "nvmlDeviceGetNvLinkRemoteDeviceType", link) == TO_SWITCH:
        return SWITCH
    info = ask("nvlink", "nvmlDeviceGetNvLinkRemotePciInfo", link)
    return None if info is None else addresses.get(pci_address(info.busId))
