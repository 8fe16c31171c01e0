"""Machines beside those of tests/unit/doctor/faults.toml: healthy ones and variants of faults.

Together they meet every case of every check.
"""

from msgspec.structs import replace
from support.doctor.driver_rows import DRIVER_ROWS
from support.doctor.gpu_rows import GPU_ROWS
from support.doctor.machines import (
    CPU_BUILD,
    GPU_RUNS,
    NO_DRIVER,
    STRESS,
    TORCH,
    machine,
)
from support.doctor.row import Row, fails, is_unknown, not_applicable, passes, warns
from support.fakes.devices import GIB

from workload.core.models.facts import DEFAULT, QUICK
from workload.core.models.finding import State
from workload.core.models.machine import Clock, Compilers, Folder
from workload.core.models.stress import BurnWatch

NO_FOLDER_KNOWN = {"folders": ()}
NOEXEC_TMP = Folder("TMPDIR", "/tmp", None, executable=False, free_bytes=9 * GIB)  # noqa: S108  words
CACHE = replace(NOEXEC_TMP, purpose="TORCHINDUCTOR_CACHE_DIR", path="/cache", executable=True)

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
        "PyTorch is not installed, or another module is named torch",
        torch=None,
        torch_files=None,
        depth=QUICK,
    ),
    passes("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    passes("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build", torch=None, depth=QUICK),
    not_applicable("torch-build", "cpu-asked-for", "the CPU was requested", requested_device="cpu"),
    not_applicable("torch-build", "torch-missing", "PyTorch cannot be imported", torch=None),
    *DRIVER_ROWS,
    *GPU_ROWS,
    passes("cpu-kernel", "a matmul on the CPU: all 4096 elements correct"),
    fails("cpu-kernel", "not_run", "a matmul on the CPU did not run", torch__kernels=GPU_RUNS),
    not_applicable("cpu-threads", "quick", "skipped with --quick", torch=None, depth=QUICK),
    passes("cpu-threads", "8 of 16 usable threads"),
    passes("environment", "no environment variable changes the speed or the bits of results"),
    passes(
        "environment",
        "no environment variable changes the speed or the bits of results",
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
    passes("compile-cache", "torch.compile can use /cache", folders=(NOEXEC_TMP, CACHE)),
    warns(
        "compile-cache",
        "noexec",
        "/tmp is mounted noexec",  # noqa: S108  words
        folders=(NOEXEC_TMP, replace(CACHE, purpose="TRITON_CACHE_DIR")),
    ),
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
        "GFLOP/s from the first to the last quarter of the test: float32 48000 to 47000",
    ),
    passes(
        "burn-in",
        "500 matmuls on cpu: all 30482432000 elements correct; "
        "GFLOP/s from the first to the last quarter of the test: float32 200 to 100",
        burned__device="cpu",
        burned__first_gflops=200.0,
        burned__last_gflops=100.0,
    ),
    passes(
        "burn-in",
        "500 matmuls on cpu: all 30482432000 elements correct; no rate because the CPU is emulated",
        burned__device="cpu",
        cpu__kernel_machine="aarch64",
    ),
    passes(
        "burn-in",
        "500 matmuls on cuda:0: all 30482432000 elements correct; "
        "GFLOP/s from the first to the last quarter of the test: float32 unknown",
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
        "the stress test ended before this check",
        machine(deep=replace(STRESS, burn_ins=(), memory=None, elapsed_sec=1.0)),
    ),
    Row(
        "memory-pattern",
        "interrupted",
        State.UNKNOWN,
        "the stress test ended before this check",
        machine(deep=replace(STRESS, memory=None, elapsed_sec=60.0)),
    ),
    not_applicable("burn-in", "not-deep", "runs with --deep only", depth=DEFAULT, deep=None),
    not_applicable("burn-in", "no-device", "there is no device for the stress test", deep=None),
    passes(
        "memory-pattern",
        "96.6 GB of memory on cuda:0 kept 132 patterns; 12.8 TB were read back and compared",
    ),
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
