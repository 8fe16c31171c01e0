"""Facts about PyTorch, and what it computed on this machine."""

from workload.core.models.model import Fact


class TorchFiles(Fact, frozen=True):
    """What torch's own files say, read without importing torch."""

    version: str
    cuda_version: str | None
    gnu_openmp: bool = False  # GNU's OpenMP is among them


class TorchGpu(Fact, frozen=True):
    """One CUDA device as PyTorch numbers it."""

    name: str
    capability: str  # "9.0"
    memory_bytes: int
    uuid: str | None = None  # as NVML knows it, "GPU-…"


class KernelRun(Fact, frozen=True):
    """How many elements of a result differ from the right whole numbers; None if none came."""

    operation: str  # "kernel", "matmul", "convolution", "copy", "all-reduce"
    device: str
    elements: int
    wrong: int | None
    error: str | None


class SeveralGpus(Fact, frozen=True):
    """Pairs such as "0 and 1" that cannot reach each other's memory, and what ran."""

    unreachable: tuple[str, ...]
    runs: tuple[KernelRun, ...]  # "copy" and "all-reduce"; empty where `error` says why
    error: str | None


class TorchFacts(Fact, frozen=True):
    """PyTorch's build and what it finds. `gpus` is empty unless CUDA started."""

    version: str
    built_for: str  # "CPU", "CUDA 13.0", "ROCm 7.0"
    cuda_version: str | None
    arch_list: tuple[str, ...]  # of the wheel, known without a GPU
    cudnn_version: str | None
    cudnn_error: str | None
    nccl_version: str | None
    cuda_error: str | None  # why CUDA did not start; None also if it was not asked to
    gpus: tuple[TorchGpu, ...]
    cpu_capability: str
    threads: int
    kernels: tuple[KernelRun, ...]
    several: SeveralGpus | None = None  # None with fewer than two GPUs
    binding: str | None = None  # what OpenMP did to the CPUs of the threads


class Probed(Fact, frozen=True):
    """PyTorch's facts, or why there are none; `signal` ended the process that asked."""

    torch: TorchFacts | None = None
    error: str | None = None
    signal: str | None = None  # "SIGILL"
    mapped_libraries: tuple[str, ...] = ()  # CUDA's, in the process that asked
