"""A healthy GPU machine as the doctor sees it, and the ways to break it."""

from dataclasses import replace
from typing import Any

from fakes import GIB, H200

from workload.doctor.facts import Facts
from workload.doctor.machine import Cpu, DeviceNode, System, User
from workload.doctor.torch_probe import KernelRun, TorchFacts, TorchGpu
from workload.hardware import Driver
from workload.limits import Limits

NODES = tuple(
    DeviceNode(f"/dev/{name}", accessible=True) for name in ("nvidia0", "nvidia-uvm", "nvidiactl")
)
CPU_RUN = KernelRun("cpu", 7.0, 7.0, None)
GPU_RUN = KernelRun("cuda:0", 7.0, 7.0, None)
TORCH = TorchFacts(
    version="2.13.0+cu130",
    built_for="CUDA 13.0",
    cuda_version="13.0",
    arch_list=("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"),
    cudnn_version="9.20.0",
    cudnn_error=None,
    nccl_version="2.29.7",
    cuda_error=None,
    gpus=(TorchGpu("NVIDIA H200", "9.0", 141 * GIB),),
    cpu_capability="AVX512",
    threads=8,
    kernels=(CPU_RUN, GPU_RUN),
)
GPU_MACHINE = Facts(
    requested_device="cuda",
    system=System("3.12.3", "Ubuntu 24.04 LTS", "6.8.0", "x86_64", "docker"),
    cpu=Cpu("AMD EPYC", ("avx2", "avx512f"), physical_cores=8, logical_cpus=16),
    limits=Limits(2, None, 16, None, GIB, 64 * GIB, 8 * GIB),
    user=User(10001, 0, True, True, "/tmp", True, "/tmp", True),  # noqa: S108  the images' own
    torch=TORCH,
    torch_error=None,
    driver=Driver("580.65.06", "13.0", (H200,)),
    driver_error=None,
    kernel_driver="580.65.06",
    device_nodes=NODES,
    versions={"torch": "2.13.0"},
    environment={},
)


def torch(**changes: Any) -> TorchFacts:
    return replace(TORCH, **changes)


def machine(**changes: Any) -> Facts:
    """The healthy GPU machine with changes; `torch_`, `limits_` and `user_` reach inside."""
    inner: dict[str, dict[str, Any]] = {"torch": {}, "limits": {}, "user": {}}
    for name in list(changes):
        part, _, attribute = name.partition("__")
        if attribute:
            inner[part][attribute] = changes.pop(name)
    nested = {
        part: replace(getattr(GPU_MACHINE, part), **values)
        for part, values in inner.items()
        if values
    }
    return replace(GPU_MACHINE, **nested | changes)


NO_DRIVER: dict[str, Any] = {
    "driver": None,
    "driver_error": "NVML: Shared Library Not Found",
    "device_nodes": (),
    "kernel_driver": None,
    "torch__gpus": (),
    "torch__cuda_error": "Found no NVIDIA driver on your system",
    "torch__kernels": (CPU_RUN,),
}
NOT_STARTED: dict[str, Any] = {
    "torch__gpus": (),
    "torch__cuda_error": "CUDA unknown error",
    "torch__kernels": (CPU_RUN,),
}
CPU_BUILD: dict[str, Any] = {
    "torch__version": "2.13.0+cpu",
    "torch__built_for": "CPU",
    "torch__cuda_version": None,
    "torch__arch_list": (),
    "torch__cudnn_version": None,
}
OLD_DRIVER = Driver("570.10", "12.8", (H200,))
NO_CONTAINER = replace(GPU_MACHINE.system, container=None)
CLOSED_NODE = DeviceNode("/dev/nvidia0", accessible=False)
