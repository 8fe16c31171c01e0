"""Facts about PyTorch, and what it computed on this machine."""

from workload.core.models.model import Fact


class TorchFiles(Fact, frozen=True):
    """Facts from torch's own files, read without importing torch."""

    version: str
    cuda_version: str | None
    gnu_openmp: bool = False  # the files include GNU's OpenMP


class TorchGpu(Fact, frozen=True):
    """One CUDA device as PyTorch numbers it."""

    name: str
    capability: str  # "9.0"
    memory_bytes: int
    uuid: str | None = None  # as NVML knows it, "GPU-…"


class KernelRun(Fact, frozen=True):
    """A test of one operation whose exact results are known integers.

    `wrong` is the number of elements that are wrong; None if there was no result.
    """

    operation: str  # "kernel", "matmul", "convolution", "copy", "all-reduce"
    device: str
    elements: int
    wrong: int | None
    error: str | None


class SeveralGpus(Fact, frozen=True):
    """Results of the tests that use several GPUs at the same time.

    `unreachable` has pairs of GPUs, such as "0 and 1", that cannot access each other's memory.
    """

    unreachable: tuple[str, ...]
    runs: tuple[KernelRun, ...]  # "copy" and "all-reduce"; empty if there is an `error`
    error: str | None


class TorchFacts(Fact, frozen=True):
    """PyTorch's build and the devices that it finds. `gpus` is empty unless CUDA started."""

    version: str
    built_for: str  # "CPU", "CUDA 13.0", "ROCm 7.0"
    cuda_version: str | None
    arch_list: tuple[str, ...]  # architectures of the wheel; known without a GPU
    cudnn_version: str | None
    cudnn_error: str | None
    nccl_version: str | None
    cuda_error: str | None  # why CUDA did not start; None also if not tried
    gpus: tuple[TorchGpu, ...]
    cpu_capability: str
    threads: int
    kernels: tuple[KernelRun, ...]
    several: SeveralGpus | None = None  # None with fewer than two GPUs
    binding: str | None = None  # how OpenMP bound threads to CPUs; None if it did not


class Probed(Fact, frozen=True):
    """The facts about PyTorch, or why there are none.

    If a signal ended the process that read the facts, `signal` is its name.
    """

    torch: TorchFacts | None = None
    error: str | None = None
    signal: str | None = None  # "SIGILL"
    mapped_libraries: tuple[str, ...] = ()  # CUDA libraries in the process
