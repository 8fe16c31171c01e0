"""Find out why CUDA cannot be used here: first without PyTorch, then by a matmul on the device."""

import os
import warnings
from dataclasses import dataclass

import torch

from workload.core.errors import first_line
from workload.core.models.gpu import CudaStart
from workload.hardware.cuda_support import (
    library_text,
    minimum_driver,
    older_library,
    supports,
)
from workload.hardware.driver_codes import cause_of, shortened, start_cause
from workload.hardware.driver_process import cuda_start, driver_visible
from workload.hardware.watchdog import watchdog

DOCTOR = "run `workload doctor` for details"


@dataclass(frozen=True)
class Problem:
    """Why a device cannot be used, and what to do."""

    what: str
    fix: str

    def __str__(self) -> str:
        """Return the problem and its fix in one line."""
        return f"{self.what}: {' '.join(self.fix.split())}"


def cuda_problem(index: int) -> Problem | None:
    """Return why CUDA device `index` cannot be used; None if a matmul on it is correct."""
    if torch.version.cuda is None:
        return Problem("this torch is the CPU build", "use the GPU image or a CUDA build of torch")
    if not driver_visible():
        return Problem(
            "no NVIDIA driver is visible here",
            "install the driver on the host and start the container with --gpus all",
        )
    start = cuda_start(index)
    return start_problem(start, index, torch.version.cuda) or _kernel_problem(index)


def driver_blocks(index: int | None) -> Problem | None:
    """Return a problem if the driver hangs or crashes; torch queries it even for CPU work."""
    if torch.version.cuda is None or torch.cuda.is_initialized() or not driver_visible():
        return None
    start = cuda_start(index)
    if not start.hung and not start.signal:
        return None
    return Problem(f"the NVIDIA driver {start.error}", f"reboot the host; {DOCTOR}")


def start_problem(start: CudaStart, index: int, cuda: str) -> Problem | None:
    """Return why CUDA does not start, or why this process cannot see or use the GPU."""
    if start.code is None:
        return Problem(f"CUDA does not start ({start.error})", DOCTOR)
    if older_library(start, cuda):
        return Problem(
            f"CUDA {cuda} needs driver {minimum_driver(cuda)} or newer; {library_text(start)}",
            "update the driver on the host, or remove an older libcuda.so.1 from the image",
        )
    return _coded_problem(start, index)


def _coded_problem(start: CudaStart, index: int) -> Problem | None:
    hiding = os.environ.get("CUDA_VISIBLE_DEVICES")
    if start.count is not None and index >= start.count:
        return Problem(f"cuda:{index} does not exist", _choose(start.count, hiding))
    code = start.code or start.context
    if not code:
        return None
    cause = start_cause(code, start.library, hiding)
    what = "CUDA does not start" if start.code else f"cuda:{index} cannot be used"
    return Problem(f"{what} ({cause.with_code()})", f"{cause.why}: {cause.fix}")


def _choose(count: int, hiding: str | None) -> str:
    """Return which GPUs to choose from, and CUDA_VISIBLE_DEVICES if it is set."""
    there = "cuda:0" if count == 1 else f"one of cuda:0 to cuda:{count - 1}"
    shows = f"; CUDA_VISIBLE_DEVICES is set to '{hiding}'" if hiding is not None else ""
    return f"choose {there}{shows}"


def _kernel_problem(index: int) -> Problem | None:
    try:
        with watchdog.working(f"cuda:{index}"):
            return _compute(index)
    except Exception as error:  # torch raises AssertionError too
        cause = cause_of(error)
        what = f"a kernel failed ({shortened(first_line(error))})"
        return Problem(what, f"{cause.why}: {cause.fix}" if cause else DOCTOR)


def _compute(index: int) -> Problem | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they repeat the error's text
        torch.cuda.init()
    major, minor = torch.cuda.get_device_capability(index)
    arch_list = torch.cuda.get_arch_list()
    if not supports((major, minor), arch_list):
        return Problem(
            f"this torch has no kernels for compute capability {major}.{minor}, only for "
            f"{' '.join(arch_list)}",
            "use a torch build for this GPU",
        )
    ones = torch.ones(64, 64, device=f"cuda:{index}")
    if float((ones @ ones).sum()) == 64.0**3:
        return None
    return Problem("a matmul of ones gave a wrong result", "run `workload doctor --device cuda`")
