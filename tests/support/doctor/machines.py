"""The facts of a healthy GPU machine, and changes that break it."""

from collections import defaultdict
from typing import Any

from msgspec.structs import replace
from support.fakes.devices import GIB, H200, HEALTHY

from workload.core.models.facts import DEEP, Facts
from workload.core.models.gpu import Driver
from workload.core.models.machine import (
    Clock,
    Compilers,
    Cpu,
    DeviceNode,
    Folder,
    ImportLimits,
    Limits,
    System,
    User,
)
from workload.core.models.pytorch import KernelRun, SeveralGpus, TorchFacts, TorchFiles, TorchGpu
from workload.core.models.stress import BurnIn, BurnWatch, Deep, MemoryTest

NODES = tuple(
    DeviceNode(f"/dev/{name}", accessible=True) for name in ("nvidia0", "nvidia-uvm", "nvidiactl")
)
CPU_RUN = KernelRun("matmul", "cpu", 4096, 0, None)
GPU_RUNS = tuple(
    KernelRun(operation, "cuda:0", 4096, 0, None)
    for operation in ("kernel", "matmul", "convolution")
)
SEVERAL = SeveralGpus(
    unreachable=(),
    runs=tuple(
        KernelRun(operation, "cuda:0 to cuda:1", 2048, 0, None)
        for operation in ("copy", "all-reduce")
    ),
    error=None,
)
WHEELS = "/opt/venv/lib/python3.12/site-packages/nvidia"
NOW_SEC = 1_800_000_000.0  # 2027-01-15
TORCH = TorchFacts(
    version="2.13.0+cu130",
    built_for="CUDA 13.0",
    cuda_version="13.0",
    arch_list=("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"),
    cudnn_version="9.20.0",
    cudnn_error=None,
    nccl_version="2.29.7",
    cuda_error=None,
    gpus=(TorchGpu("NVIDIA H200", "9.0", 141 * GIB, "GPU-0000"),),
    cpu_capability="AVX512",
    threads=8,
    kernels=(CPU_RUN, *GPU_RUNS),
    several=SEVERAL,
)
BURN_IN = BurnIn(
    device="cuda:0",
    dtype="float32",
    edge=7808,
    products=500,
    elements=500 * 7808**2,
    wrong_products=0,
    wrong_elements=0,
    first_wrong=None,
    first_wrong_elements=None,
    first_gflops=48_000.0,
    last_gflops=47_000.0,
)
STRESS = Deep(
    device="cuda:0",
    name="NVIDIA H200",
    budget_sec=120.0,
    elapsed_sec=121.0,
    burn_ins=(BURN_IN,),
    memory=MemoryTest("cuda:0", 90 * GIB, 132, 132 * 90 * GIB, 0, None),
    watch=BurnWatch(400, 61.0, 1755.0, 1980.0, (), {}),
)
DRIVER = Driver("580.65.06", "13.0", (H200,))
GPU_MACHINE = Facts(
    requested_device="cuda",
    depth=DEEP,
    system=System("3.12.3", "Ubuntu 24.04 LTS", "6.8.0", "x86_64", "docker"),
    cpu=Cpu("AMD EPYC", "AuthenticAMD", ("avx2", "avx512f"), physical_cores=8, logical_cpus=16),
    limits=Limits(None, 16, None, GIB, 64 * GIB, 8 * GIB),
    user=User(10001, 0, True, True, "/tmp", True, "/tmp", True),  # noqa: S108  the images' own
    torch=TORCH,
    torch_error=None,
    torch_signal=None,
    torch_files=TorchFiles("2.13.0+cu130", "13.0"),
    driver=DRIVER,
    driver_error=None,
    kernel_driver="580.65.06",
    cuda_library_error=None,
    device_nodes=NODES,
    link_widths={"0000:65:00.0": 16},
    mapped_libraries=(f"{WHEELS}/cudnn/lib/libcudnn.so.9", f"{WHEELS}/nccl/lib/libnccl.so.2"),
    path_libraries=(),
    compilers=Compilers("/usr/bin/gcc", "/usr/bin/g++", headers=True),
    folders=(Folder("TMPDIR", "/tmp", None, executable=True, free_bytes=9 * GIB),),  # noqa: S108  as above
    clock=Clock(NOW_SEC, NOW_SEC, synchronized=True),
    unlocked=(),
    versions={"nvidia-cudnn-cu13": "9.20.0.48", "torch": "2.13.0"},
    environment={},
    deep=STRESS,
    boot_id="boot-1",
    import_limits=ImportLimits(31, 31, None, None, None, 8 << 20, None, None),
    xids=(),
)


def torch(**changes: Any) -> TorchFacts:
    return replace(TORCH, **changes)


def machine(**changes: Any) -> Facts:
    """Return the healthy GPU machine with changes; `torch__version` changes facts.torch.version."""
    inner: dict[str, dict[str, Any]] = defaultdict(dict)
    for name in list(changes):
        part, _, attribute = name.partition("__")
        if attribute:
            inner[part][attribute] = changes.pop(name)
    state, health = inner.pop("gpu", {}), inner.pop("health", {})
    if state or health:
        if health:
            state["health"] = replace(HEALTHY.health, **health)  # type: ignore[type-var]  # it has one
        gpu = replace(H200, state=replace(HEALTHY, **state))
        changes["driver"] = replace(DRIVER, gpus=(gpu,))
    burned = inner.pop("burned", None)
    if burned:
        changes["deep"] = replace(STRESS, burn_ins=(replace(BURN_IN, **burned),))
    for part in ("memory", "watch"):
        changed = inner.pop(f"deep_{part}", None)
        if changed:
            changes["deep"] = replace(STRESS, **{part: replace(getattr(STRESS, part), **changed)})
    nested = {part: replace(getattr(GPU_MACHINE, part), **values) for part, values in inner.items()}
    return replace(GPU_MACHINE, **nested | changes)


NO_DRIVER: dict[str, Any] = {
    "driver": None,
    "driver_error": "NVML: Shared Library Not Found",
    "device_nodes": (),
    "kernel_driver": None,
    "cuda_library_error": "libcuda.so.1: cannot open shared object file",
    "torch__gpus": (),
    "torch__cuda_error": "Found no NVIDIA driver on your system",
    "torch__kernels": (CPU_RUN,),
    "torch__several": None,
}
NOT_STARTED: dict[str, Any] = {
    "torch__gpus": (),
    "torch__cuda_error": "CUDA unknown error",
    "torch__kernels": (CPU_RUN,),
    "torch__several": None,
}
CPU_BUILD: dict[str, Any] = {
    "torch__version": "2.13.0+cpu",
    "torch__built_for": "CPU",
    "torch__cuda_version": None,
    "torch__arch_list": (),
    "torch__cudnn_version": None,
    "torch_files": TorchFiles("2.13.0+cpu", None),
    "mapped_libraries": (),
    "versions": {"torch": "2.13.0+cpu"},
}
OLD_DRIVER = Driver("570.10", "12.8", (H200,))
