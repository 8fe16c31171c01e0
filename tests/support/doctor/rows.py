"""Answers that are no fault, and variants of faults: what tests/unit/doctor/faults.toml leaves out.

Together they meet every row of the doctor's wording table.
"""

from dataclasses import dataclass, replace
from typing import Any

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

from workload.core.results import State
from workload.doctor.probes.clock import Clock
from workload.doctor.probes.facts import DEFAULT, QUICK, Facts
from workload.doctor.stress.facts import BurnWatch
from workload.hardware.compilers import Compilers
from workload.hardware.nvml import Driver


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
    good("facts", "all was read"),
    good("architecture", "built for x86_64, runs on x86"),
    Row(
        "architecture",
        "unread",
        State.UNKNOWN,
        "what it looks at could not be read",
        machine(cpu=None, unread={"cpu": "ValueError: no"}),
    ),
    good("disk", "9.66 GB are free at /tmp"),
    open_("disk", "how much space is free is not known", **NO_FOLDER_KNOWN),
    good("tmp", "/tmp is writable"),  # noqa: S108  words
    bad(
        "tmp",
        "not_writable",
        "the temporary folder /tmp is not writable",
        user__tmp_writable=False,
        torch=None,
    ),
    good("torch-import", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    skipped("torch-import", "quick", "not looked at with --quick", torch=None, depth=QUICK),
    good("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    good("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build", torch=None, depth=QUICK),
    skipped("torch-build", "cpu-asked-for", "the CPU was asked for", requested_device="cpu"),
    skipped("torch-build", "torch-missing", "PyTorch cannot be imported", torch=None),
    good("gpu-driver", "driver 580.65.06 (CUDA up to 13.0): NVIDIA H200"),
    skipped(
        "gpu-driver",
        "no-gpu-here",
        "no GPU is visible here",
        requested_device="auto",
        **NO_DRIVER,
    ),
    good("cuda-library", "the loader finds libcuda"),
    open_(
        "cuda-library",
        "CUDA works though the loader finds no libcuda (no such file)",
        cuda_library_error="no such file",
    ),
    good("device-nodes", "/dev/nvidia0, /dev/nvidia-uvm, /dev/nvidiactl"),
    open_("device-nodes", "CUDA works without /dev/nvidiactl", device_nodes=NODES[:2]),
    skipped("device-nodes", "driver-silent", "the driver does not answer", **NO_DRIVER),
    good("driver-version", "driver 580.65.06 runs CUDA 13.0 (needs 580)"),
    bad(
        "driver-version",
        "too_old_compat_applies",
        "the NVIDIA driver 570.10 is too old",
        driver=OLD_DRIVER,
        torch=None,
        depth=QUICK,
    ),
    open_(
        "driver-version",
        "which driver CUDA 99.0 needs is not known here",
        torch__cuda_version="99.0",
    ),
    skipped("driver-version", "no-cuda-build", "this PyTorch is not built for CUDA", **CPU_BUILD),
    good("mig", "GPU 0 NVIDIA H200 is whole"),
    skipped(
        "mig",
        "card-has-none",
        "GPU 0 NVIDIA H200 has no such thing",
        card__mig=None,
        card__silent={"mig": "Not Supported"},
    ),
    good("compute-mode", "GPU 0 NVIDIA H200 is open to all processes"),
    good("library-path", "no CUDA library but those of torch's wheels"),
    skipped(
        "library-path",
        "no-cuda-wheels",
        "none of NVIDIA's library wheels is installed",
        versions={"nvidia-ml-py": "13.0"},
    ),
    good("cuda-libraries", "2 CUDA libraries, each once"),
    open_("cuda-libraries", "none of CUDA's libraries is loaded", mapped_libraries=()),
    good("cuda-start", "PyTorch sees NVIDIA H200"),
    skipped(
        "cuda-start", "driver-too-old", "the driver is too old", driver=OLD_DRIVER, **NOT_STARTED
    ),
    skipped(
        "cuda-start",
        "nodes-missing",
        "the GPU's device files are missing or closed",
        device_nodes=(),
        **NOT_STARTED,
    ),
    good("device-index", "cuda is one of 1"),
    skipped("device-index", "cuda-not-started", "CUDA did not start", **NOT_STARTED),
    good("compute-capability", "NVIDIA H200 (9.0) runs this PyTorch's sm_90"),
    open_(
        "compute-capability",
        "this PyTorch does not tell what it was built for",
        torch__arch_list=(),
    ),
    skipped(
        "compute-capability",
        "no-such-gpu",
        "there is no such GPU",
        requested_device="cuda:9",
    ),
    good("cudnn", "cuDNN 9.20.0"),
    good("gpu-kernel", "all 4096 elements of a kernel on cuda:0 are right"),
    bad("gpu-kernel", "not_run", "no kernel ran on the GPU", torch__kernels=(CPU_RUN,)),
    good("cublas", "all 4096 elements of a product on cuda:0 are right"),
    bad("cublas", "not_run", "no product ran on the GPU", torch__kernels=(CPU_RUN,)),
    good("cudnn-convolution", "all 4096 elements of a convolution on cuda:0 are right"),
    bad(
        "cudnn-convolution",
        "not_run",
        "no convolution ran on the GPU",
        torch__kernels=(CPU_RUN, *GPU_RUNS[:2]),
    ),
    good("peer-access", "all 2048 copied elements arrived on cuda:0 to cuda:1"),
    bad(
        "peer-access",
        "not_run",
        "no copy between GPUs ran",
        torch__several=replace(SEVERAL, runs=()),
    ),
    skipped("peer-access", "one-gpu", "there are no two GPUs", torch__several=None),
    good("nccl", "all 2048 elements of an all-reduce over cuda:0 to cuda:1 are right"),
    bad("nccl", "not_run", "no all-reduce ran", torch__several=replace(SEVERAL, runs=())),
    good("gpu-shared", "nobody else uses GPU 0 NVIDIA H200"),
    good("ecc", "GPU 0 NVIDIA H200: ECC is on, no error beyond repair"),
    good(
        "ecc",
        "GPU 0 NVIDIA H200: ECC is off, as usual for this kind of card",
        card__ecc=False,
        card__brand="GeForce",
    ),
    skipped(
        "ecc",
        "card-lost",
        "the card does not answer its driver",
        driver=Driver("580.65.06", "13.0", (LOST_CARD,)),
    ),
    good("row-remap", "GPU 0 NVIDIA H200 has no row to replace"),
    good("throttle", "GPU 0 NVIDIA H200 is not slowed down"),
    Row(
        "throttle",
        "card-silent",
        State.UNKNOWN,
        "the driver does not tell for GPU 0 NVIDIA H200 (without a reason)",
        machine(card__throttled=None),
    ),
    good("persistence", "GPU 0 NVIDIA H200 is kept ready"),
    good("pcie", "GPU 0 NVIDIA H200: PCIe generation 5, 16 lanes"),
    good("cpu-kernel", "all 4096 elements of a product on the CPU are right"),
    bad("cpu-kernel", "not_run", "no product ran on the CPU", torch__kernels=GPU_RUNS),
    good("cpu-threads", "8 of 16 usable threads"),
    good("memory", "68.7 GB of memory can be used"),
    good(
        "memory",
        "1.07 GB of memory can be used",
        limits__memory_available_bytes=GIB,
        **NO_DRIVER | CPU_BUILD,
    ),
    poor(
        "memory",
        "little",
        "only 1.07 GB of memory can be used",
        limits__memory_available_bytes=GIB,
    ),
    open_(
        "memory",
        "how much memory can be used is not known",
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
    good("compile-cache", "torch.compile keeps what it builds in /tmp"),
    good("clock", "the clock follows a time server or agrees with the hardware's"),
    good(
        "clock",
        "the clock follows a time server or agrees with the hardware's",
        clock=Clock(1_800_000_000.0, 1_800_000_000.0 + 3600.0, synchronized=False),  # local time
    ),
    good("lock", "every package is of its locked version"),
    skipped("lock", "torch-missing", "PyTorch cannot be imported", unlocked=None),
    good(
        "burn-in",
        "all 30482432000 elements of 500 products on cuda:0 are right; GFLOP/s in the first and "
        "last quarter: float32 48000 to 47000",
    ),
    good(
        "burn-in",
        "all 30482432000 elements of 500 products on cpu are right; GFLOP/s in the first and "
        "last quarter: float32 200 to 100",
        burned__device="cpu",
        burned__first_gflops=200.0,
        burned__last_gflops=100.0,
    ),
    good(
        "burn-in",
        "all 30482432000 elements of 500 products on cuda:0 are right; GFLOP/s in the first and "
        "last quarter: float32 unknown",
        burned__last_gflops=None,
    ),
    bad(
        "burn-in",
        "not_run",
        "no product came to an end: give it a longer --budget",
        burned__products=0,
    ),
    bad(
        "burn-in",
        "not_run",
        "no product came to an end: give it a longer --budget",
        deep=replace(DUG, burn_ins=()),
    ),
    skipped("burn-in", "not-deep", "looked at with --deep only", depth=DEFAULT, deep=None),
    skipped("burn-in", "no-device", "there is no device to burn in", deep=None),
    good("memory-pattern", "96.6 GB on cuda:0 kept 132 patterns, 12.8 TB were compared"),
    bad(
        "memory-pattern",
        "not_run",
        "no pattern was written and read: give it a longer --budget",
        deep_memory__compared_bytes=0,
    ),
    good(
        "burn-watch",
        "cuda:0 NVIDIA H200: temperature at most 61 °C, clocks from 1755 to 1980 MHz, "
        "no counter of errors rose",
    ),
    good(
        "burn-watch",
        "cuda:0 NVIDIA H200: temperature unknown, clocks unknown, no counter of errors rose",
        deep=replace(DUG, watch=BurnWatch(0, None, None, None, (), {})),
    ),
    skipped(
        "burn-watch",
        "cpu-burned",
        "the CPU has no such counters",
        deep=replace(DUG, device="cpu", watch=None),
    ),
)
