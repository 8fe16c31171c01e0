"""Machines that the doctor must tell apart: one for each row of its wording table."""

from dataclasses import dataclass, replace
from typing import Any

from doctor_machines import (
    CLOSED_NODE,
    CPU_BUILD,
    CPU_RUN,
    GPU_RUN,
    NO_CONTAINER,
    NO_DRIVER,
    NODES,
    NOT_STARTED,
    OLD_DRIVER,
    machine,
)
from fakes import GIB, H200

from workload.doctor.facts import Facts
from workload.doctor.torch_probe import TorchGpu
from workload.hardware import Driver
from workload.results import State


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


ROWS = (
    good("tmp", "/tmp is writable"),  # noqa: S108  words
    bad(
        "tmp",
        "not_writable",
        "the temporary folder /tmp is not writable",
        user__tmp_writable=False,
        torch=None,
    ),
    poor(
        "tmp",
        "not_writable",
        "the temporary folder /tmp is not writable",
        user__tmp_writable=False,
    ),
    good("torch-import", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    bad(
        "torch-import",
        "broken",
        "PyTorch cannot be imported (libcudart.so.13: cannot open)",
        torch=None,
        torch_error="libcudart.so.13: cannot open",
    ),
    good("torch-build", "PyTorch 2.13.0+cu130, CUDA 13.0 build"),
    bad(
        "torch-build",
        "not_cuda",
        "this PyTorch (2.13.0+cpu) is a CPU build, not a CUDA one",
        **NO_DRIVER | CPU_BUILD,
    ),
    skipped("torch-build", "cpu-asked-for", "the CPU was asked for", requested_device="cpu"),
    skipped("torch-build", "torch-missing", "PyTorch cannot be imported", torch=None),
    good("gpu-driver", "driver 580.65.06 (CUDA up to 13.0): NVIDIA H200"),
    bad(
        "gpu-driver",
        "missing",
        "no NVIDIA driver (NVML: Shared Library Not Found)",
        system=NO_CONTAINER,
        **NO_DRIVER,
    ),
    bad(
        "gpu-driver",
        "missing_in_container",
        "no NVIDIA driver (NVML: Shared Library Not Found)",
        **NO_DRIVER,
    ),
    bad(
        "gpu-driver",
        "not_passed",
        "no GPU in this container, though its host has NVIDIA driver 580.65.06",
        **NO_DRIVER | {"kernel_driver": "580.65.06"},
    ),
    bad(
        "gpu-driver",
        "not_answering",
        "NVIDIA's kernel module 580.65.06 is loaded but the driver does not answer "
        "(NVML: Unknown Error)",
        driver=None,
        driver_error="NVML: Unknown Error",
        **NOT_STARTED,
    ),
    bad(
        "gpu-driver",
        "no_gpus",
        "NVIDIA driver 580.65.06 finds no GPU",
        driver=Driver("580.65.06", "13.0", ()),
        **NOT_STARTED,
    ),
    poor(
        "gpu-driver",
        "silent",
        "CUDA works but the driver's management library does not (NVML: Unknown Error)",
        driver=None,
        driver_error="NVML: Unknown Error",
    ),
    skipped(
        "gpu-driver",
        "no-gpu-here",
        "no GPU is visible here",
        requested_device="auto",
        **NO_DRIVER,
    ),
    good("device-nodes", "/dev/nvidia0, /dev/nvidia-uvm, /dev/nvidiactl"),
    bad(
        "device-nodes",
        "missing",
        "missing: /dev/nvidia-uvm, /dev/nvidia0",
        device_nodes=NODES[2:],
        **NOT_STARTED,
    ),
    bad(
        "device-nodes",
        "denied",
        "not readable and writable for uid 10001: /dev/nvidia0",
        device_nodes=(CLOSED_NODE, *NODES[1:]),
        **NOT_STARTED,
    ),
    open_("device-nodes", "CUDA works without /dev/nvidiactl", device_nodes=NODES[:2]),
    skipped("device-nodes", "driver-silent", "the driver does not answer", **NO_DRIVER),
    good("driver-version", "driver 580.65.06 runs CUDA 13.0 (needs 580)"),
    good(
        "driver-version",
        "driver 999.1 runs CUDA 13.0 (needs 580)",
        driver=Driver("999.1", "21.0", (H200,)),
    ),
    bad(
        "driver-version",
        "too_old",
        "the NVIDIA driver 570.10 is too old",
        driver=OLD_DRIVER,
        **NOT_STARTED,
    ),
    poor(
        "driver-version",
        "compat",
        "driver 570.10 is older than CUDA 13.0 needs (580), yet CUDA works",
        driver=OLD_DRIVER,
    ),
    open_(
        "driver-version",
        "which driver CUDA 99.0 needs is not known here",
        torch__cuda_version="99.0",
    ),
    skipped("driver-version", "no-cuda-build", "this PyTorch is not built for CUDA", **CPU_BUILD),
    good("cuda-start", "PyTorch sees NVIDIA H200"),
    bad(
        "cuda-start",
        "forward_compatibility",
        "CUDA refused to start (Error 804: forward compatibility was attempted)",
        **NOT_STARTED | {"torch__cuda_error": "Error 804: forward compatibility was attempted"},
    ),
    bad(
        "cuda-start",
        "hidden",
        "PyTorch sees no GPU (No CUDA GPUs are available)",
        environment={"CUDA_VISIBLE_DEVICES": ""},
        **NOT_STARTED | {"torch__cuda_error": "No CUDA GPUs are available"},
    ),
    bad("cuda-start", "error", "CUDA did not start (CUDA unknown error)", **NOT_STARTED),
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
    bad("device-index", "out_of_range", "there is no cuda:9", requested_device="cuda:9"),
    skipped("device-index", "cuda-not-started", "CUDA did not start", **NOT_STARTED),
    good("compute-capability", "NVIDIA H200 (9.0) runs this PyTorch's sm_90"),
    good(
        "compute-capability",
        "NVIDIA H200 (9.0) runs this PyTorch's compute_80",
        torch__arch_list=("sm_80", "compute_80"),
    ),
    bad(
        "compute-capability",
        "not_built",
        "Tesla V100 has compute capability 7.0, this PyTorch was built for sm_75 sm_80 sm_86 "
        "sm_90 sm_100 sm_120",
        torch__gpus=(TorchGpu("Tesla V100", "7.0", 16 * GIB),),
    ),
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
    good("gpu-kernel", "a product on cuda:0 gave the right number"),
    bad(
        "gpu-kernel",
        "wrong",
        "a product on cuda:0 gave 8.0 instead of 7.0",
        torch__kernels=(CPU_RUN, replace(GPU_RUN, sum_found=8.0)),
    ),
    bad(
        "gpu-kernel",
        "error",
        "a product on cuda:0 failed (no kernel image is available)",
        torch__kernels=(
            CPU_RUN,
            replace(GPU_RUN, sum_found=None, error="no kernel image is available"),
        ),
    ),
    bad("gpu-kernel", "not_run", "no product ran on the GPU", torch__kernels=(CPU_RUN,)),
    good("cudnn", "cuDNN 9.20.0"),
    bad(
        "cudnn",
        "missing",
        "this CUDA build of PyTorch finds no cuDNN",
        torch__cudnn_version=None,
    ),
    bad(
        "cudnn",
        "error",
        "cuDNN does not load (cuDNN version incompatibility)",
        torch__cudnn_error="cuDNN version incompatibility",
    ),
    good("cpu-kernel", "a product on the CPU gave the right number"),
    bad(
        "cpu-kernel",
        "wrong",
        "a product on the CPU gave nan instead of 7.0",
        torch__kernels=(replace(CPU_RUN, sum_found=float("nan")), GPU_RUN),
    ),
    bad(
        "cpu-kernel",
        "error",
        "a product on the CPU failed (illegal instruction)",
        torch__kernels=(replace(CPU_RUN, sum_found=None, error="illegal instruction"), GPU_RUN),
    ),
    bad("cpu-kernel", "not_run", "no product ran on the CPU", torch__kernels=(GPU_RUN,)),
    good("cpu-threads", "8 of 16 usable threads"),
    poor(
        "cpu-threads",
        "too_many",
        "PyTorch takes 8 threads, the container has CPU time for 1",
        limits__cpu_quota=0.5,
    ),
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
    poor(
        "memory",
        "little_in_container",
        "only 512 MB of the container's 800 MB can be used",
        limits__memory_limit_bytes=800_000_000,
        limits__memory_used_bytes=288_000_000,
    ),
    open_(
        "memory",
        "how much memory can be used is not known",
        limits__memory_available_bytes=None,
    ),
    good("shm", "/dev/shm has 8.59 GB"),  # noqa: S108  words
    poor("shm", "small", "/dev/shm has only 67.1 MB", limits__shm_bytes=64 << 20),  # noqa: S108  words
    open_("shm", "there is no /dev/shm", limits__shm_bytes=None),
    good("home", "/tmp is writable"),  # noqa: S108  words
    poor(
        "home",
        "not_writable",
        "/home/me is not writable",
        user__home="/home/me",
        user__home_writable=False,
    ),
    good("passwd", "uid 10001 has a name"),
    good("passwd", "uid 10001 has a name", user__has_passwd_entry=False),
    poor(
        "passwd",
        "nameless",
        "uid 12345 has no passwd entry",
        user__uid=12345,
        user__has_passwd_entry=False,
        user__has_name_in_environment=False,
    ),
)
