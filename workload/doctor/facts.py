"""Everything the doctor looks at, gathered once. No judgement here."""

import os
from dataclasses import dataclass
from pathlib import Path

from workload.doctor.machine import (
    Cpu,
    DeviceNode,
    System,
    User,
    read_cpu,
    read_device_nodes,
    read_environment,
    read_kernel_driver,
    read_system,
    read_user,
    read_versions,
)
from workload.doctor.torch_probe import TorchFacts, probe
from workload.hardware import Driver, Hardware, HardwareError, Nvml
from workload.limits import Limits, read_limits


@dataclass(frozen=True)
class Facts:
    """What is true of this machine, this container and this PyTorch. Unknown is None."""

    requested_device: str
    system: System
    cpu: Cpu
    limits: Limits
    user: User
    torch: TorchFacts | None
    torch_error: str | None  # why torch cannot be imported
    driver: Driver | None
    driver_error: str | None  # why the driver does not answer
    kernel_driver: str | None  # the kernel module's version
    device_nodes: tuple[DeviceNode, ...]
    versions: dict[str, str]
    environment: dict[str, str]


def gather(
    requested_device: str, hardware: Hardware | None = None, root: Path = Path("/")
) -> Facts:
    """Look at everything once. Imports torch and runs one small product on each device.

    `hardware` is the GPU driver, NVML unless given; files are read below `root`.
    """
    torch, torch_error = probe(requested_device)
    driver, driver_error = _driver(hardware or Nvml())
    return Facts(
        requested_device=requested_device,
        system=read_system(root, os.environ),
        cpu=read_cpu(root),
        limits=read_limits(root),
        user=read_user(os.environ),
        torch=torch,
        torch_error=torch_error,
        driver=driver,
        driver_error=driver_error,
        kernel_driver=read_kernel_driver(root),
        device_nodes=read_device_nodes(root),  # after CUDA started: it makes some of them
        versions=read_versions(),
        environment=read_environment(os.environ),
    )


def _driver(hardware: Hardware) -> tuple[Driver | None, str | None]:
    try:
        return hardware.driver(), None
    except HardwareError as error:
        return None, str(error)
