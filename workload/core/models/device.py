"""The device that a result was computed on."""

from typing import Annotated

from msgspec import Meta

from workload.core.models.model import Count, Model, Positive, one_of

# Part of the names of the simulated GPUs of tests/lab. Times of such a GPU are meaningless.
STAND_IN = "STAND-IN"


class DeviceInfo(Model, frozen=True):
    """The device that a result was computed on. `reason` says why the device was chosen.

    `memory_bytes` is the memory of the GPU. For a CPU, it is the machine's memory, or the cgroup's
    limit if that is less.
    """

    kind: Annotated[str, one_of("cpu", "cuda")]
    torch_name: Annotated[str, Meta(pattern="^(cpu|cuda:[0-9]+)$(?!\n)")]
    name: str  # "NVIDIA H200", the CPU's model name
    reason: str
    threads: Positive
    capability: str | None = None  # compute capability, "9.0"
    memory_bytes: Count | None = None
    driver: str | None = None
    sm_count: Positive | None = None
    cache_bytes: Count | None = None  # the last-level cache: L2 of a GPU
    usable_cpus: Positive | None = None  # whole CPUs, limited by initial affinity mask and quota
    binding: str | None = None  # how OpenMP bound threads to CPUs; None if it did not
    swept_threads: tuple[Positive, ...] = ()  # thread counts that were tried; `threads` is the best
    swept_contended: bool = False  # other work made threads wait while counts were tried
    architecture: str | None = None  # of the programs, and so of the CPU: "x86_64", "aarch64"
    emulated_on: str | None = None  # "an x86 CPU", if the architecture is emulated
