"""Choose a device, read its properties, wait for its work and translate its errors."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from msgspec.structs import replace

from workload.core.errors import (
    XID,
    BadInputError,
    LostDeviceError,
    OutOfMemoryError,
    UnfitError,
    first_line,
)
from workload.core.models.device import DeviceInfo
from workload.core.units import format_bytes
from workload.hardware.binding import Binding, read_binding
from workload.hardware.cgroups import last_cache_bytes, memory_bytes, read_limits
from workload.hardware.cuda_problem import cuda_problem, driver_blocks
from workload.hardware.driver_codes import Kind, cause_of
from workload.hardware.driver_process import driver_version
from workload.hardware.driver_thread import TimedSensor
from workload.hardware.nvml import HardwareError
from workload.hardware.openmp import team_limit
from workload.hardware.precision import pin_arithmetic
from workload.hardware.processor import read_processor
from workload.hardware.sensors import NvmlSensor, Sensor
from workload.hardware.watchdog import watchdog


@dataclass
class Sharing:
    """The number of processes of one run that use the machine's memory at the same time."""

    processes: int = 1


sharing = Sharing()  # of this process; the command line sets it


def resolve(requested: str) -> DeviceInfo:
    """Return the device that `requested` names: auto, cpu, cuda or cuda:N.

    `auto` chooses CUDA if a kernel runs there, else the CPU; the device's `reason` says why. An
    explicit CUDA device never falls back to the CPU: if it is not usable, UnfitError gives the
    reason. Any other name raises BadInputError. For the rest of the process, float32 is IEEE
    float32 and PyTorch uses no more threads than the CPU quota allows.
    """
    kind, index = parse(requested)
    pin_arithmetic()
    usable = read_limits().usable_threads
    binding = read_binding(torch)
    _limit_threads(usable, binding)
    device = _chosen(requested, kind, index)
    return replace(
        device,
        usable_cpus=usable,
        binding=str(binding) if binding else None,
        architecture=platform.machine(),
        emulated_on=read_processor().emulated_on,
    )


def parse(requested: str) -> tuple[str, int]:
    """Return the kind of the device (auto, cpu or cuda) and its index. Raises BadInputError."""
    kind, colon, index = requested.partition(":")
    if kind in ("auto", "cpu") and not colon:
        return kind, 0
    if kind == "cuda" and (not colon or (index.isascii() and index.isdigit())):
        return kind, int(index or 0)
    raise BadInputError(f"unknown device {requested!r}: use auto, cpu, cuda or cuda:N")


def _chosen(requested: str, kind: str, index: int) -> DeviceInfo:
    # PyTorch's CUDA build queries the driver in each backward pass, even on the CPU.
    blocked = driver_blocks(None if kind == "cpu" else index)
    if blocked:
        raise UnfitError(f"device {requested} is not usable: {blocked}")
    if kind == "cpu":
        return _cpu("--device cpu")
    problem = cuda_problem(index)
    if problem is None:
        return _cuda(index, f"--device {requested}" if kind == "cuda" else "auto: CUDA works here")
    if kind == "cuda":
        raise UnfitError(f"device {requested} is not usable: {problem}")
    return _cpu(f"auto: {problem.what}")


def _limit_threads(usable: int, binding: Binding | None) -> None:
    """Limit PyTorch's threads to the CPUs that it may use and to the threads that OpenMP runs.

    More threads than CPUs would only wait. More threads than OpenMP runs give wrong results.
    """
    asked = torch.get_num_threads()
    bound = len(binding.threads) if binding else usable
    team, _ = team_limit(os.environ) or (asked, "")
    torch.set_num_threads(min(asked, usable, bound, team))


def _cpu(reason: str) -> DeviceInfo:
    return DeviceInfo(
        kind="cpu",
        torch_name="cpu",
        name=read_processor().brand or "unknown CPU",
        reason=reason,
        threads=torch.get_num_threads(),
        memory_bytes=memory_bytes(),
        cache_bytes=last_cache_bytes(Path("/")),
    )


def _cuda(index: int, reason: str) -> DeviceInfo:
    properties = torch.cuda.get_device_properties(index)
    return DeviceInfo(
        kind="cuda",
        torch_name=f"cuda:{index}",
        name=properties.name,
        reason=reason,
        threads=torch.get_num_threads(),
        capability=f"{properties.major}.{properties.minor}",
        memory_bytes=properties.total_memory,
        driver=driver_version(),
        sm_count=properties.multi_processor_count,
        cache_bytes=properties.L2_cache_size,
    )


def set_threads(info: DeviceInfo, threads: int) -> DeviceInfo:
    """Let CPU operations use this many threads; return the device with the new number."""
    torch.set_num_threads(threads)
    return replace(info, threads=threads)


@cache
def sensor(info: DeviceInfo) -> Sensor | None:
    """Return a sensor for the GPU's clocks, power, temperature and processes.

    Return None on a CPU, if NVML is missing or does not answer, or if NVML does not know this GPU,
    as in some containers and for MIG slices.
    """
    if info.kind != "cuda" or driver_version() is None:
        return None
    try:
        uuid = f"GPU-{torch.cuda.get_device_properties(info.torch_name).uuid}"
        return TimedSensor(NvmlSensor(uuid))
    except HardwareError:
        return None


def synchronize(info: DeviceInfo) -> None:
    """Wait until the device has finished its work."""
    if info.kind == "cuda":
        torch.cuda.synchronize(info.torch_name)
        watchdog.answered()


@contextmanager
def translate_cuda_errors(info: DeviceInfo, busy_sec: float = 0.0) -> Iterator[None]:
    """Raise OutOfMemoryError if memory runs out in the block, LostDeviceError if the device fails.

    After a sticky CUDA error, or once the GPU has fallen off the bus, every later CUDA call of the
    process fails. Other errors, except out of memory, are raised unchanged if the device responds.
    `busy_sec` is passed to `watchdog`.
    """
    with watchdog.working(info.torch_name, busy_sec):
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError(first_line(error)) from error
            cause = cause_of(error) if info.kind == "cuda" else None
            if (cause is None or not cause.sticky) and _responds(info):
                raise
            fix = cause.fix if cause and cause.kind is Kind.ECC else XID
            raise LostDeviceError(info.torch_name, first_line(error), fix) from error


def _responds(info: DeviceInfo) -> bool:
    try:
        synchronize(info)
    except RuntimeError:
        return False
    return True


def available_bytes(info: DeviceInfo) -> int | None:
    """Return the bytes that can still be allocated on the device.

    On a CPU, the cgroup's limit applies, and ranks on the same machine get equal shares.
    """
    if info.kind == "cpu":
        found = read_limits().available_bytes
        return None if found is None else found // sharing.processes
    with translate_cuda_errors(info):
        free = torch.cuda.mem_get_info(info.torch_name)[0]
        # PyTorch's allocator keeps memory that earlier cases freed, and reuses it for new cases.
        kept = torch.cuda.memory_reserved(info.torch_name)
        return int(free + kept - torch.cuda.memory_allocated(info.torch_name))


def memory_problem(needed_bytes: int, info: DeviceInfo) -> str | None:
    """Return why `needed_bytes` do not fit, with needed and available bytes; None if they do."""
    available = available_bytes(info)
    if available is None or needed_bytes <= available:
        return None
    needed = format_bytes(needed_bytes)
    return f"needs {needed} of memory, {format_bytes(available)} is available"


def is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out; PyTorch's CPU allocator raises a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    cause = cause_of(error)
    return cause.kind is Kind.MEMORY if cause else "can't allocate memory" in str(error)
