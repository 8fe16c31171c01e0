"""Find out why CUDA cannot be used here, by a matmul on the device."""

import warnings
from pathlib import Path

import torch

from workload.core.errors import first_line
from workload.hardware.cuda_support import minimum_driver, supports


def cuda_problem(index: int) -> str | None:
    """Say why CUDA device `index` cannot be used; None if a matmul on it was right."""
    if torch.version.cuda is None:
        return "this torch is the CPU build: use the GPU image or a CUDA build of torch"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available:
        return _why_unavailable(torch.version.cuda, [str(entry.message) for entry in caught])
    count = torch.cuda.device_count()
    if index >= count:
        return f"cuda:{index} does not exist: choose one of cuda:0 to cuda:{count - 1}"
    return _kernel_problem(index)


def _why_unavailable(cuda: str, messages: list[str]) -> str:
    if not Path("/proc/driver/nvidia/version").exists() and not Path("/dev/nvidiactl").exists():
        return (
            "no NVIDIA driver is visible here: install the driver on the host "
            "and start the container with --gpus all"
        )
    needed = minimum_driver(cuda)
    detail = f" ({messages[0].splitlines()[0]})" if messages else ""
    return (
        f"CUDA does not start{detail}: CUDA {cuda} needs driver {needed} or newer; "
        "`workload doctor` says more"
    )


def _kernel_problem(index: int) -> str | None:
    major, minor = torch.cuda.get_device_capability(index)
    arch_list = torch.cuda.get_arch_list()
    if not supports((major, minor), arch_list):
        return (
            f"compute capability {major}.{minor} is not among this torch's "
            f"{' '.join(arch_list)}: use a torch build for this GPU"
        )
    try:
        ones = torch.ones(64, 64, device=f"cuda:{index}")
        if float((ones @ ones).sum()) == 64.0**3:
            return None
        return "a matmul of ones gave a wrong result: run `workload doctor --device cuda`"
    except RuntimeError as error:
        return f"a kernel failed ({first_line(error)}): run `workload doctor`"
