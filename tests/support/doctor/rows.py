"""Machines beside those of tests/unit/doctor/faults.toml: healthy ones and variants of faults.

Together they meet every case of every check.
"""

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from support.doctor.machines import (
    CPU_BUILD,
    CPU_RUN,
    DUG,
    GPU_RUNS,
    NO_DRIVER,
    NODES,
    NOT_STARTED,
    OLD_DRIVER,
    SEVERAL,
    machine,
)
from support.fakes.devices import GIB, H200

from workload.core.models.facts import DEFAULT, QUICK, Facts
from workload.core.models.finding import State
from workload.core.models.gpu import Driver
from workload.core.models.machine import Clock, Compilers
from workload.core.models.stress import BurnWatch


@dataclass(frozen=True)
class Row:
    """One machine, the check it is about, and the answer expected."""

    id: str
    case: str
    state: State
    found: str
    facts: Facts


def good(id_: str, found: str, **changes: Any) -> Row:
    return Row(id_, "pass", State.PASS, found, machine(**changes))


def bad(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.FAIL, found, machine(**changes))


def poor(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.WARN, found, machine(**changes))


def open_(id_: str, found: str, **changes: Any) -> Row:
    return Row(id_, "unknown", State.UNKNOWN, found, machine(**changes))


def skipped(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.NOT_APPLICABLE, found, machine(**changes))


NO_FOLDER_KNOWN = {"folders": ()}
LOST_CARD = replace(H200, state=None)

ROWS = (
    good("facts", "all facts were read"),
    good("architecture", "x86_64 programs run on an x86 CPU"),
    Row(
        "architecture",
        "unread",
        State.UNKNOWN,
        "its facts could not be read",
        machine(cpu=None, unread={"cpu": "ValueError: no"}),
    ),
    good("disk", "9.66 GB free at /tmp"),
    open_("disk", "free disk space is not reported", **NO_FOLDER_KNOWN),
    good("tmp", "/tmp is writable"),  # noqa: S108  words
    bad(
        "tmp",
        "not_writable",
        "the temporary folder /tmp is not writable",
        user__tmp_writable=False,
        torch=None,
    ),
    good("torch-import", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    skipped("torch-import", "quick", "skipped with --quick", torch=None, depth=QUICK),
    good("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    good("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build", torch=None, depth=QUICK),
    skipped("torch-build", "cpu-asked-for", "the CPU was requested", requested_device="cpu"),
    skipped("torch-build", "torch-missing", "PyTorch cannot be imported", torch=None),
    good("gpu-driver", "driver 580.65.06 (CUDA 13.0): NVIDIA H200"),
    skipped(
        "gpu-driver",
        "no-gpu-here",
        "no GPU found",
        requested_device="auto",
        **NO_DRIVER,
    ),
    good("cuda-library", "libcuda found"),
    open_(
        "cuda-library",
        "CUDA works, but libcuda is not found (no such file)",
        cuda_library_error="no such file",
    ),
    good("device-nodes", "/dev/nvidia0, /dev/nvidia-uvm, /dev/nvidiactl"),
    open_("device-nodes", "CUDA works without /dev/nvidiactl", device_nodes=NODES[:2]),
    skipped("device-nodes", "driver-silent", "the NVIDIA driver does not answer", **NO_DRIVER),
    good("driver-version", "driver 580.65.06 supports CUDA 13.0 (580 or newer is required)"),
    bad(
        "driver-version",
        "too_old_compat_applies",
        "NVIDIA driver 570.10 is too old, 580 or newer is required",
        driver=OLD_DRIVER,
        torch=None,
        depth=QUICK,
    ),
    open_(
        "driver-version",
        "the driver that CUDA 99.0 needs is not known",
        torch__cuda_version="99.0",
    ),
    skipped(
        "driver-version", "no-cuda-build", "this PyTorch build has no CUDA support", **CPU_BUILD
    ),
    good("mig", "MIG is off for GPU 0 NVIDIA H200"),
    skipped(
        "mig",
        "card-has-none",
        "not supported by GPU 0 NVIDIA H200",
        card__mig=None,
        card__silent={"mig": "Not Supported"},
    ),
    good("compute-mode", "GPU 0 NVIDIA H200 is in compute mode default"),
    good("library-path", "no CUDA libraries besides those of torch's wheels"),
    skipped(
        "library-path",
        "no-cuda-wheels",
        "no NVIDIA library wheels are installed",
        versions={"nvidia-ml-py": "13.0"},
    ),
    good("cuda-libraries", "2 CUDA libraries, each loaded once"),
    open_("cuda-libraries", "no CUDA library is loaded", mapped_libraries=()),
    good("cuda-start", "PyTorch sees NVIDIA H200"),
    skipped(
        "cuda-start",
        "driver-too-old",
        "the NVIDIA driver is too old",
        driver=OLD_DRIVER,
        **NOT_STARTED,
    ),
    skipped(
        "cuda-start",
        "nodes-missing",
        "the GPU's device files are missing or inaccessible",
        device_nodes=(),
        **NOT_STARTED,
    ),
    good("device-index", "cuda exists"),
    skipped("device-index", "cuda-not-started", "CUDA does not start", **NOT_STARTED),
    good("compute-capability", "NVIDIA H200 (9.0) runs kernels for sm_90"),
    open_(
        "compute-capability",
        "PyTorch does not report the architectures it was built for",
        torch__arch_list=(),
    ),
    skipped(
        "compute-capability",
        "no-such-gpu",
        "the requested GPU does not exist",
        requested_device="cuda:9",
    ),
    good("cudnn", "cuDNN 9.20.0"),
    good("gpu-kernel", "a kernel on cuda:0: all 4096 elements correct"),
    bad("gpu-kernel", "not_run", "a kernel did not run", torch__kernels=(CPU_RUN,)),
    good("cublas", "a matmul on cuda:0: all 4096 elements correct"),
    bad("cublas", "not_run", "a matmul did not run", torch__kernels=(CPU_RUN,)),
    good("cudnn-convolution", "a convolution on cuda:0: all 4096 elements correct"),
    bad(
        "cudnn-convolution",
        "not_run",
        "a convolution did not run",
        torch__kernels=(CPU_RUN, *GPU_RUNS[:2]),
    ),
    good("peer-access", "a copy between GPUs on cuda:0 to cuda:1: all 2048 elements correct"),
    bad(
        "peer-access",
        "not_run",
        "a copy between GPUs did not run",
        torch__several=replace(SEVERAL, runs=()),
    ),
    skipped("peer-access", "one-gpu", "there is only one GPU", torch__several=None),
    good("nccl", "an all-reduce on cuda:0 to cuda:1: all 2048 elements correct"),
    bad("nccl", "not_run", "an all-reduce did not run", torch__several=replace(SEVERAL, runs=())),
    good("gpu-shared", "no other GPU processes on GPU 0 NVIDIA H200"),
    good("ecc", "ECC is on for GPU 0 NVIDIA H200, no uncorrectable errors"),
    good(
        "ecc",
        "ECC is off for GPU 0 NVIDIA H200, as usual for GeForce GPUs",
        card__ecc=False,
        card__brand="GeForce",
    ),
    skipped(
        "ecc",
        "card-lost",
        "the GPU does not answer the driver",
        driver=Driver("580.65.06", "13.0", (LOST_CARD,)),
    ),
    good("row-remap", "GPU 0 NVIDIA H200 has no memory row remapping pending"),
    good("throttle", "GPU 0 NVIDIA H200 is not slowed down"),
    Row(
        "throttle",
        "card-silent",
        State.UNKNOWN,
        "not reported by the driver for GPU 0 NVIDIA H200 (no reason given)",
        machine(card__throttled=None),
    ),
    good("persistence", "persistence mode is on for GPU 0 NVIDIA H200"),
    good("pcie", "GPU 0 NVIDIA H200: PCIe 5 x16"),
    good("cpu-kernel", "a matmul on the CPU: all 4096 elements correct"),
    bad("cpu-kernel", "not_run", "a matmul on the CPU did not run", torch__kernels=GPU_RUNS),
    good("cpu-threads", "8 of 16 usable threads"),
    good("memory", "68.7 GB of memory available"),
    good(
        "memory",
        "1.07 GB of memory available",
        limits__memory_available_bytes=GIB,
        **NO_DRIVER | CPU_BUILD,
    ),
    poor(
        "memory",
        "little",
        "only 1.07 GB of memory available",
        limits__memory_available_bytes=GIB,
    ),
    open_(
        "memory",
        "available memory is not reported",
        limits__memory_available_bytes=None,
    ),
    good("shm", "/dev/shm has 8.59 GB"),  # noqa: S108  words
    open_("shm", "there is no /dev/shm", limits__shm_bytes=None),
    good("home", "/tmp is writable"),  # noqa: S108  words
    good("passwd", "uid 10001 has a name"),
    good("passwd", "uid 10001 has a name", user__has_passwd_entry=False),
    good("compiler", "torch.compile finds /usr/bin/gcc"),
    poor(
        "compiler",
        "missing",
        "there is no C++ compiler",
        requested_device="cpu",
        compilers=Compilers("/usr/bin/gcc", None, headers=True),
        **NO_DRIVER,
    ),
    good("compile-cache", "torch.compile can use /tmp"),
    good("clock", "the clock is synchronized or agrees with the hardware clock"),
    good(
        "clock",
        "the clock is synchronized or agrees with the hardware clock",
        clock=Clock(1_800_000_000.0, 1_800_000_000.0 + 3600.0, synchronized=False),  # local time
    ),
    good("lock", "all packages have their locked versions"),
    skipped("lock", "torch-missing", "PyTorch cannot be imported", unlocked=None),
    good(
        "burn-in",
        "500 matmuls on cuda:0: all 30482432000 elements correct; "
        "GFLOP/s first to last quarter: float32 48000 to 47000",
    ),
    good(
        "burn-in",
        "500 matmuls on cpu: all 30482432000 elements correct; "
        "GFLOP/s first to last quarter: float32 200 to 100",
        burned__device="cpu",
        burned__first_gflops=200.0,
        burned__last_gflops=100.0,
    ),
    good(
        "burn-in",
        "500 matmuls on cuda:0: all 30482432000 elements correct; "
        "GFLOP/s first to last quarter: float32 unknown",
        burned__last_gflops=None,
    ),
    bad(
        "burn-in",
        "not_run",
        "no matmul was completed",
        burned__products=0,
    ),
    bad(
        "burn-in",
        "not_run",
        "no matmul was completed",
        deep=replace(DUG, burn_ins=()),
    ),
    skipped("burn-in", "not-deep", "runs with --deep only", depth=DEFAULT, deep=None),
    skipped("burn-in", "no-device", "there is no device for the stress test", deep=None),
    good("memory-pattern", "96.6 GB on cuda:0 kept 132 patterns, 12.8 TB were compared"),
    bad(
        "memory-pattern",
        "not_run",
        "no pattern was written and read back",
        deep_memory__compared_bytes=0,
    ),
    good(
        "burn-watch",
        "cuda:0 NVIDIA H200: temperature at most 61 °C, clocks 1755 to 1980 MHz, no new errors",
    ),
    good(
        "burn-watch",
        "cuda:0 NVIDIA H200: temperature unknown, clocks unknown, no new errors",
        deep=replace(DUG, watch=BurnWatch(0, None, None, None, (), {})),
    ),
    skipped(
        "burn-watch",
        "cpu-burned",
        "not supported by the CPU",
        deep=replace(DUG, device="cpu", watch=None),
    ),
)
