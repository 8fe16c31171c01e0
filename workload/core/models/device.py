"""The device a result belongs to."""

from typing import Annotated

from msgspec import Meta

from workload.core.models.model import Count, Model, Positive, one_of

STAND_IN = "STAND-IN"  # how the GPUs of tests/lab are called, whose times mean nothing


class DeviceInfo(Model, frozen=True):
    """The device a result belongs to. `reason` says why it was chosen.

    `memory_bytes` is the GPU's memory or, on the CPU, the machine's or its cgroup's limit.
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
    cache_bytes: Count | None = None  # the last cache before the memory: L2 of a GPU
    usable_cpus: Positive | None = None  # whole CPUs: the mask at the start, and the quota
    binding: str | None = None  # what OpenMP did to the CPUs of the threads
    swept_threads: tuple[Positive, ...] = ()  # thread counts that were tried; `threads` was best
    swept_contended: bool = False  # threads waited for other work while counts were tried
    architecture: str | None = None  # of the programs, and so of the CPU: "x86_64", "aarch64"
    emulated_on: str | None = None  # "an x86 CPU", where the architecture is emulated
