"""Machines beside those of tests/unit/doctor/faults.toml: healthy ones and variants of faults.

Together they meet every case of every check.
"""

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from support.doctor.machines import (
    CPU_BUILD,
    CPU_RUN,
    GPU_RUNS,
    NO_DRIVER,
    NODES,
    NOT_STARTED,
    OLD_DRIVER,
    SEVERAL,
    STRESS,
    TORCH,
    machine,
)
from support.fakes.devices import GIB, H200

from workload.core.models.facts import DEFAULT, QUICK, Facts
from workload.core.models.finding import State
from workload.core.models.gpu import Driver, Fabric
from workload.core.models.machine import Clock, Compilers
from workload.core.models.pytorch import KernelRun
from workload.core.models.stress import BurnWatch
from workload.core.models.xid import Xid


@dataclass(frozen=True)
class Row:
    """One machine, one check and its expected result."""

    id: str
    case: str
    state: State
    found: str
    facts: Facts


def passes(id_: str, found: str, **changes: Any) -> Row:
    return Row(id_, "pass", State.PASS, found, machine(**changes))


def fails(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.FAIL, found, machine(**changes))


def warns(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.WARN, found, machine(**changes))


def is_unknown(id_: str, found: str, **changes: Any) -> Row:
    return Row(id_, "unknown", State.UNKNOWN, found, machine(**changes))


def not_applicable(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.NOT_APPLICABLE, found, machine(**changes))


CRASHED = "CUDA error: unspecified launch failure"
NO_FOLDER_KNOWN = {"folders": ()}
LOST_GPU = replace(H200, state=None)

ROWS = (
    passes("facts", "all facts were read"),
    passes("architecture", "x86_64 programs run on an x86 CPU"),
    Row(
        "architecture",
        "unread",
        State.UNKNOWN,
        "its facts could not be read",
        machine(cpu=None, unread={"cpu": "ValueError: no"}),
    ),
    passes("threads", "31 threads could be started"),
    passes("disk", "9.66 GB free at /tmp"),
    is_unknown("disk", "free disk space is not reported", **NO_FOLDER_KNOWN),
    passes("tmp", "/tmp is writable"),  # noqa: S108  words
    fails(
        "tmp",
        "not_writable",
        "the temporary folder /tmp is not writable",
        user__tmp_writable=False,
        torch=None,
    ),
    passes("torch-import", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    passes("torch-import", "PyTorch 2.13.0+cu130 is installed", torch=None, depth=QUICK),
    fails(
        "torch-import",
        "not_installed",
        "PyTorch is not installed, or torch is another file",
        torch=None,
        torch_files=None,
        depth=QUICK,
    ),
    passes("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    passes("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build", torch=None, depth=QUICK),
    not_applicable("torch-build", "cpu-asked-for", "the CPU was requested", requested_device="cpu"),
    not_applicable("torch-build", "torch-missing", "PyTorch cannot be imported", torch=None),
    passes("gpu-driver", "driver 580.65.06 (CUDA 13.0): NVIDIA H200"),
    not_applicable(
        "gpu-driver",
        "no-gpu-here",
        "no GPU found",
        requested_device="auto",
        **NO_DRIVER,
    ),
    passes("cuda-library", "libcuda found"),
    is_unknown(
        "cuda-library",
        "CUDA works, but libcuda is not found (no such file)",
        cuda_library_error="no such file",
    ),
    passes("device-nodes", "/dev/nvidia0, /dev/nvidia-uvm, /dev/nvidiactl"),
    is_unknown("device-nodes", "CUDA works without /dev/nvidiactl", device_nodes=NODES[:2]),
    not_applicable("device-nodes", "no-gpu-here", "no GPU found", **NO_DRIVER),
    not_applicable(
        "mig",
        "driver-silent",
        "the NVIDIA driver does not answer",
        driver=None,
        driver_error="NVML: Unknown Error",
    ),
    fails(
        "gpu-driver",
        "hung",
        "the NVIDIA driver did not answer (NVML did not answer within 120 s)",
        driver=None,
        driver_error="NVML did not answer within 120 s",
        driver_hung=True,
        **NOT_STARTED,
    ),
    passes("driver-version", "driver 580.65.06 supports CUDA 13.0 (580 or newer is required)"),
    fails(
        "driver-version",
        "too_old_compat_applies",
        "NVIDIA driver 570.10 is too old, 580 or newer is required",
        driver=OLD_DRIVER,
        torch=None,
        depth=QUICK,
    ),
    is_unknown(
        "driver-version",
        "the driver that CUDA 99.0 needs is not known",
        torch__cuda_version="99.0",
    ),
    not_applicable(
        "driver-version", "no-cuda-build", "this PyTorch build has no CUDA support", **CPU_BUILD
    ),
    passes("recovery-action", "the driver asks for no recovery of GPU 0 NVIDIA H200"),
    not_applicable(
        "recovery-action",
        "card-has-none",
        "not supported by GPU 0 NVIDIA H200",
        health__recovery_action=None,
        gpu__silent={"recovery-action": "Not Supported"},
    ),
    fails(
        "recovery-action",
        "restart_app",
        "GPU 0 NVIDIA H200: the driver asks to stop the jobs that use NVLink or peer-to-peer "
        "copies, then to check",
        health__recovery_action=3,
    ),
    passes("fabric", "GPU 0 NVIDIA H200 is in no NVLink fabric"),
    passes(
        "fabric",
        "GPU 0 NVIDIA H200 has joined its NVLink fabric",
        health__fabric=Fabric("completed", None),
    ),
    fails(
        "fabric",
        "not_joined",
        "GPU 0 NVIDIA H200 is not in its NVLink fabric (not started)",
        health__fabric=Fabric("not started", None),
    ),
    passes("sram-ecc", "SRAM errors of GPU 0 NVIDIA H200 are below the driver's threshold"),
    Row(
        "sram-ecc",
        "card-silent",
        State.UNKNOWN,
        "not reported by the driver for GPU 0 NVIDIA H200 (no reason given)",
        machine(health__sram_threshold_exceeded=None),
    ),
    passes("power-limit", "the power limit of GPU 0 NVIDIA H200 is 700 W"),
    Row(
        "power-limit",
        "card-silent",
        State.UNKNOWN,
        "not reported by the driver for GPU 0 NVIDIA H200 (no reason given)",
        machine(health__power_limit_watt=None),
    ),
    passes("xid", "no Xid since the machine was started"),
    passes(
        "xid",
        "no Xid since the machine was started",
        xids=(Xid("0000:65:00.0", 63, "", 9.0), Xid("0000:66:00.0", 79, "", 9.0)),
    ),
    Row(
        "xid",
        "unreadable",
        State.UNKNOWN,
        "this user may not read the kernel's log",
        machine(xids=None),
    ),
    passes("mig", "MIG is off for GPU 0 NVIDIA H200"),
    not_applicable(
        "mig",
        "card-has-none",
        "not supported by GPU 0 NVIDIA H200",
        gpu__mig=None,
        gpu__silent={"mig": "Not Supported"},
    ),
    passes("compute-mode", "GPU 0 NVIDIA H200 is in compute mode default"),
    passes("library-path", "no CUDA libraries besides those of torch's wheels"),
    not_applicable(
        "library-path",
        "no-cuda-wheels",
        "no NVIDIA library wheels are installed",
        versions={"nvidia-ml-py": "13.0"},
    ),
    passes("cuda-libraries", "2 CUDA libraries, each loaded once"),
    is_unknown("cuda-libraries", "no CUDA library is loaded", mapped_libraries=()),
    passes("cuda-start", "PyTorch sees NVIDIA H200"),
    not_applicable(
        "cuda-start",
        "driver-too-old",
        "the NVIDIA driver is too old",
        driver=OLD_DRIVER,
        **NOT_STARTED,
    ),
    not_applicable(
        "cuda-start",
        "nodes-missing",
        "the GPU's device files are missing or inaccessible",
        device_nodes=(),
        **NOT_STARTED,
    ),
    passes("device-index", "cuda exists"),
    not_applicable("device-index", "cuda-not-started", "CUDA does not start", **NOT_STARTED),
    passes("compute-capability", "NVIDIA H200 (9.0) runs kernels for sm_90"),
    is_unknown(
        "compute-capability",
        "PyTorch does not report the architectures it was built for",
        torch__arch_list=(),
    ),
    not_applicable(
        "compute-capability",
        "no-such-gpu",
        "the requested GPU does not exist",
        requested_device="cuda:9",
    ),
    passes("cudnn", "cuDNN 9.20.0"),
    passes("gpu-kernel", "a kernel on cuda:0: all 4096 elements correct"),
    fails("gpu-kernel", "not_run", "a kernel did not run", torch__kernels=(CPU_RUN,)),
    not_applicable(
        "cublas",
        "gpu-failed",
        "an earlier kernel failed",
        torch__kernels=(CPU_RUN, KernelRun("kernel", "cuda:0", 0, None, CRASHED), *GPU_RUNS[1:]),
    ),
    not_applicable(
        "gpu-kernel",
        "not-built",
        "this PyTorch has no kernels for the GPU",
        torch__arch_list=("sm_100",),
    ),
    passes("cublas", "a matmul on cuda:0: all 4096 elements correct"),
    fails("cublas", "not_run", "a matmul did not run", torch__kernels=(CPU_RUN,)),
    passes("cudnn-convolution", "a convolution on cuda:0: all 4096 elements correct"),
    fails(
        "cudnn-convolution",
        "not_run",
        "a convolution did not run",
        torch__kernels=(CPU_RUN, *GPU_RUNS[:2]),
    ),
    passes("peer-access", "a copy between GPUs on cuda:0 to cuda:1: all 2048 elements correct"),
    fails(
        "peer-access",
        "not_run",
        "a copy between GPUs did not run",
        torch__several=replace(SEVERAL, runs=()),
    ),
    not_applicable("peer-access", "one-gpu", "there is only one GPU", torch__several=None),
    passes("nccl", "an all-reduce on cuda:0 to cuda:1: all 2048 elements correct"),
    fails("nccl", "not_run", "an all-reduce did not run", torch__several=replace(SEVERAL, runs=())),
    passes("gpu-shared", "no other GPU processes on GPU 0 NVIDIA H200"),
    passes("ecc", "ECC is on for GPU 0 NVIDIA H200, no uncorrectable errors"),
    passes(
        "ecc",
        "ECC is off for GPU 0 NVIDIA H200, as usual for GeForce GPUs",
        gpu__ecc=False,
        gpu__brand="GeForce",
    ),
    not_applicable(
        "ecc",
        "card-lost",
        "the GPU does not answer the driver",
        driver=Driver("580.65.06", "13.0", (LOST_GPU,)),
    ),
    passes("row-remap", "GPU 0 NVIDIA H200 has no memory row remapping pending"),
    passes("throttle", "GPU 0 NVIDIA H200 is not slowed down"),
    Row(
        "throttle",
        "card-silent",
        State.UNKNOWN,
        "not reported by the driver for GPU 0 NVIDIA H200 (no reason given)",
        machine(gpu__throttled=None),
    ),
    passes("persistence", "persistence mode is on for GPU 0 NVIDIA H200"),
    passes("pcie", "GPU 0 NVIDIA H200: PCIe 5 x16"),
    passes("cpu-kernel", "a matmul on the CPU: all 4096 elements correct"),
    fails("cpu-kernel", "not_run", "a matmul on the CPU did not run", torch__kernels=GPU_RUNS),
    not_applicable("cpu-threads", "quick", "skipped with --quick", torch=None, depth=QUICK),
    passes("cpu-threads", "8 of 16 usable threads"),
    passes("environment", "no environment variable changes speed or bits"),
    passes(
        "environment",
        "no environment variable changes speed or bits",
        requested_device="cpu",
        environment={"CUDA_LAUNCH_BLOCKING": "1"},
    ),
    warns(  # WSL without NVML
        "environment",
        "set",
        "CUDA_LAUNCH_BLOCKING=1 changes speed",
        driver=None,
        environment={"CUDA_LAUNCH_BLOCKING": "1", "NCCL_ALGO": "Ring"},
    ),
    warns(
        "environment",
        "set",
        "NCCL_ALGO=Ring changes speed and bits",
        torch__gpus=TORCH.gpus * 2,
        environment={"NCCL_ALGO": "Ring"},
    ),
    passes("memory", "68.7 GB of memory available"),
    passes(
        "memory",
        "1.07 GB of memory available",
        limits__memory_available_bytes=GIB,
        **NO_DRIVER | CPU_BUILD,
    ),
    warns(
        "memory",
        "little",
        "only 1.07 GB of memory available",
        limits__memory_available_bytes=GIB,
    ),
    is_unknown(
        "memory",
        "available memory is not reported",
        limits__memory_available_bytes=None,
    ),
    passes("shm", "/dev/shm has 8.59 GB"),  # noqa: S108  words
    is_unknown("shm", "there is no /dev/shm", limits__shm_bytes=None),
    passes("home", "/tmp is writable"),  # noqa: S108  words
    passes("passwd", "uid 10001 has a name"),
    passes("passwd", "uid 10001 has a name", user__has_passwd_entry=False),
    passes("compiler", "torch.compile finds /usr/bin/gcc"),
    warns(
        "compiler",
        "missing",
        "there is no C++ compiler",
        requested_device="cpu",
        compilers=Compilers("/usr/bin/gcc", None, headers=True),
        **NO_DRIVER,
    ),
    passes("compile-cache", "torch.compile can use /tmp"),
    passes("clock", "the clock is synchronized or agrees with the hardware clock"),
    passes(
        "clock",
        "the clock is synchronized or agrees with the hardware clock",
        clock=Clock(1_800_000_000.0, 1_800_000_000.0 + 3600.0, synchronized=False),  # local time
    ),
    passes("lock", "all packages have their locked versions"),
    not_applicable("lock", "torch-missing", "PyTorch cannot be imported", unlocked=None),
    passes(
        "burn-in",
        "500 matmuls on cuda:0: all 30482432000 elements correct; "
        "GFLOP/s first to last quarter: float32 48000 to 47000",
    ),
    passes(
        "burn-in",
        "500 matmuls on cpu: all 30482432000 elements correct; "
        "GFLOP/s first to last quarter: float32 200 to 100",
        burned__device="cpu",
        burned__first_gflops=200.0,
        burned__last_gflops=100.0,
    ),
    passes(
        "burn-in",
        "500 matmuls on cpu: all 30482432000 elements correct; no rate, the CPU is emulated",
        burned__device="cpu",
        cpu__kernel_machine="aarch64",
    ),
    passes(
        "burn-in",
        "500 matmuls on cuda:0: all 30482432000 elements correct; "
        "GFLOP/s first to last quarter: float32 unknown",
        burned__last_gflops=None,
    ),
    fails(
        "burn-in",
        "not_run",
        "no matmul was completed",
        burned__products=0,
    ),
    fails(
        "burn-in",
        "not_run",
        "no matmul was completed",
        deep=replace(STRESS, burn_ins=()),
    ),
    Row(
        "burn-in",
        "interrupted",
        State.UNKNOWN,
        "the stress test ended before it",
        machine(deep=replace(STRESS, burn_ins=(), memory=None, elapsed_sec=1.0)),
    ),
    Row(
        "memory-pattern",
        "interrupted",
        State.UNKNOWN,
        "the stress test ended before it",
        machine(deep=replace(STRESS, memory=None, elapsed_sec=60.0)),
    ),
    not_applicable("burn-in", "not-deep", "runs with --deep only", depth=DEFAULT, deep=None),
    not_applicable("burn-in", "no-device", "there is no device for the stress test", deep=None),
    passes("memory-pattern", "96.6 GB on cuda:0 kept 132 patterns, 12.8 TB were compared"),
    fails(
        "memory-pattern",
        "not_run",
        "no pattern was written and read back",
        deep_memory__compared_bytes=0,
    ),
    passes(
        "burn-watch",
        "cuda:0 NVIDIA H200: temperature at most 61 °C, clocks 1755 to 1980 MHz, no new errors",
    ),
    passes(
        "burn-watch",
        "cuda:0 NVIDIA H200: temperature unknown, clocks unknown, no new errors",
        deep=replace(STRESS, watch=BurnWatch(0, None, None, None, (), {})),
    ),
    not_applicable(
        "burn-watch",
        "cpu-burned",
        "not supported by the CPU",
        deep=replace(STRESS, device="cpu", watch=None),
    ),
)
