"""Read the facts that PyTorch reports about its build and devices.

Torch is imported only when `probe` is called.
"""

import warnings
from collections.abc import Callable
from typing import Any

from workload.core.errors import first_line
from workload.core.garbage import without_garbage_collection
from workload.core.models.pytorch import SeveralGpus, TorchFacts, TorchGpu
from workload.doctor.probes.kernels import run_kernels
from workload.doctor.probes.several_gpus import gpu_count, probe_in_child
from workload.hardware.affinity import given_cpus
from workload.hardware.binding import read_binding
from workload.hardware.driver_codes import shortened

CUDA, SEVERAL = "cuda", "several"  # phases after the import: CUDA, several GPUs
Tell = Callable[[str], None]


def probe(
    requested_device: str, begin: Tell = lambda _phase: None
) -> tuple[TorchFacts | None, str | None]:
    """Return the facts and None, or None and the reason why torch cannot be imported or queried.

    Runs kernels on the CPU and, unless the CPU was requested, on the requested GPU. Calls `begin`
    before it starts CUDA, and before it uses several GPUs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the facts include the causes of the warnings
        try:
            given_cpus()  # before OpenMP binds threads
            with without_garbage_collection():
                import torch  # noqa: PLC0415  takes seconds

            return probe_module(torch, requested_device, begin), None
        except Exception as error:  # a broken library may raise any exception
            return None, shortened(first_line(error))


def probe_module(
    torch: Any, requested_device: str, begin: Tell = lambda _phase: None
) -> TorchFacts:
    """Return the facts of an imported torch module. Tests pass a fake module."""
    binding = read_binding(torch)
    if requested_device != "cpu":
        begin(CUDA)
    gpus, cuda_error = (None, None) if requested_device == "cpu" else _try(lambda: _start(torch))
    # Reading cuDNN's version starts CUDA.
    asks_cudnn = requested_device != "cpu"
    cudnn_number, cudnn_error = _try(torch.backends.cudnn.version) if asks_cudnn else (None, None)
    nccl_numbers, _ = _try(torch.cuda.nccl.version)
    return TorchFacts(
        version=str(torch.__version__),
        built_for=_built_for(torch),
        cuda_version=torch.version.cuda,
        arch_list=_arch_list(torch),
        cudnn_version=None if cudnn_number is None else cudnn_text(cudnn_number),
        cudnn_error=cudnn_error,
        nccl_version=None if nccl_numbers is None else ".".join(map(str, nccl_numbers)),
        cuda_error=cuda_error,
        gpus=gpus or (),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        kernels=tuple(
            run
            for device in _kernel_devices(requested_device, len(gpus or ()))
            for run in run_kernels(device)
        ),
        several=_probe_several(begin) if len(gpus or ()) > 1 else None,
        binding=str(binding) if binding else None,
    )


def _probe_several(begin: Tell) -> SeveralGpus:
    begin(SEVERAL)
    return probe_in_child()


def _built_for(torch: Any) -> str:
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    return f"ROCm {torch.version.hip}" if torch.version.hip else "CPU"


def _arch_list(torch: Any) -> tuple[str, ...]:
    """Return the build's architectures; `torch.cuda.get_arch_list()` is empty without a GPU."""
    flags = getattr(torch._C, "_cuda_getArchFlags", None)  # absent in CPU builds
    return tuple((flags() or "").split()) if flags else ()


def _start(torch: Any) -> tuple[TorchGpu, ...]:
    torch.cuda.init()  # raises an error with the reason, which is_available() hides
    properties = map(torch.cuda.get_device_properties, range(gpu_count(torch)))
    return tuple(map(_gpu, properties))


def _gpu(found: Any) -> TorchGpu:
    uuid = getattr(found, "uuid", None)  # older PyTorch, which PYTHON= may select, has none
    capability = f"{found.major}.{found.minor}"
    return TorchGpu(found.name, capability, found.total_memory, f"GPU-{uuid}" if uuid else None)


def _kernel_devices(requested_device: str, gpu_count: int) -> list[str]:
    index = requested_index(requested_device)
    return ["cpu", f"cuda:{index}"] if index < gpu_count else ["cpu"]


def requested_index(requested_device: str) -> int:
    """Return N of "cuda:N"; 0 without a number."""
    _, _, index = requested_device.partition(":")
    return int(index) if index.isdecimal() else 0


def cudnn_text(number: int) -> str:
    """Return cuDNN's version as text: 92000 is 9.20.0, 8902 is 8.9.2."""
    major, rest = divmod(number, 10_000) if number >= 10_000 else divmod(number, 1000)  # noqa: PLR2004  cuDNN 9 changed the scale
    return f"{major}.{rest // 100}.{rest % 100}"


def _try(ask: Callable[[], Any]) -> tuple[Any, str | None]:
    try:
        return ask(), None
    except Exception as error:  # drivers and libraries may raise any exception
        return None, shortened(first_line(error))
