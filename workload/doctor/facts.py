"""Everything the doctor looks at, gathered once. No judgement here."""

import os
from dataclasses import dataclass
from pathlib import Path

from workload.compilers import Compilers, find_compilers
from workload.doctor.clock import Clock, read_clock
from workload.doctor.folders import Folder, read_folders
from workload.doctor.libraries import (
    TorchFiles,
    read_cuda_library,
    read_mapped_libraries,
    read_path_libraries,
    read_torch_files,
    read_unlocked,
    read_versions,
)
from workload.doctor.machine import (
    Cpu,
    DeviceNode,
    System,
    User,
    read_cpu,
    read_device_nodes,
    read_environment,
    read_kernel_driver,
    read_link_widths,
    read_system,
    read_user,
)
from workload.doctor.torch_probe import TorchFacts, probe
from workload.errors import first_line
from workload.hardware import Driver, Hardware, HardwareError, Nvml
from workload.limits import Limits, read_limits

QUICK, DEFAULT = "quick", "default"


@dataclass(frozen=True)
class Facts:
    """What is true of this machine, this container and this PyTorch. Unknown is None."""

    requested_device: str
    depth: str  # QUICK or DEFAULT: how closely was looked
    system: System
    cpu: Cpu
    limits: Limits
    user: User
    torch: TorchFacts | None
    torch_error: str | None  # why torch cannot be imported; None too where nobody tried
    torch_files: TorchFiles | None
    driver: Driver | None
    driver_error: str | None  # why the driver does not answer
    kernel_driver: str | None  # the kernel module's version
    cuda_library_error: str | None  # why the loader does not find libcuda
    device_nodes: tuple[DeviceNode, ...]
    link_widths: dict[str, int]  # PCI address -> lanes that the card itself has
    mapped_libraries: tuple[str, ...]  # CUDA's, in this process
    path_libraries: tuple[str, ...]  # CUDA's, on LD_LIBRARY_PATH and LD_PRELOAD
    compilers: Compilers
    folders: tuple[Folder, ...]
    clock: Clock
    unlocked: tuple[str, ...] | None  # packages of another version than the locked one
    versions: dict[str, str]
    environment: dict[str, str]


def gather(
    requested_device: str,
    hardware: Hardware | None = None,
    root: Path = Path("/"),
    depth: str = DEFAULT,
) -> Facts:
    """Look at everything once. Imports torch and computes a little on each device.

    QUICK does neither: it reads files and asks the driver. `hardware` is the GPU driver, NVML
    unless given; files are read below `root`.
    """
    torch, torch_error = (None, None) if depth == QUICK else probe(requested_device)
    driver, driver_error = _driver(hardware or Nvml())
    return Facts(
        requested_device=requested_device,
        depth=depth,
        system=read_system(root, os.environ),
        cpu=read_cpu(root),
        limits=read_limits(root),
        user=read_user(os.environ),
        torch=torch,
        torch_error=torch_error,
        torch_files=read_torch_files(),
        driver=driver,
        driver_error=driver_error,
        kernel_driver=read_kernel_driver(root),
        cuda_library_error=read_cuda_library(),
        device_nodes=read_device_nodes(root),  # after CUDA started: it makes some of them
        link_widths=read_link_widths(root),
        mapped_libraries=read_mapped_libraries(root),
        path_libraries=read_path_libraries(os.environ, root),
        compilers=find_compilers(),
        folders=read_folders(os.environ),
        clock=read_clock(root),
        unlocked=read_unlocked(),
        versions=read_versions(),
        environment=read_environment(os.environ),
    )


def _driver(hardware: Hardware) -> tuple[Driver | None, str | None]:
    try:
        return hardware.driver(), None
    except HardwareError as error:
        return None, str(error)
    except Exception as error:  # a binding and a driver that do not fit raise anything
        return None, f"NVML: {first_line(error)}"
