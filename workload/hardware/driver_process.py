"""Query the driver in a separate process with a time limit: a broken driver may hang or abort."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workload.core.models.gpu import CudaStart, Driver, GpuLinks
from workload.core.models.model import from_json
from workload.hardware.child import Child, EndedError, HungError, NoAnswerError
from workload.hardware.driver_answers import ANSWER
from workload.hardware.nvml import HardwareError

CHILD = (sys.executable, "-m", "workload.hardware.driver_answers")


@dataclass
class DriverDeadline:
    """The time limit for an answer from the driver; `tell` prints a line about a long wait."""

    limit_sec: float = 120.0
    tell: Callable[[str], None] = lambda _text: None

    def waiting(self) -> None:
        """Report that the driver has not answered yet."""
        self.tell(f"waiting for the NVIDIA driver, up to {self.limit_sec:g} s (--driver-timeout)")


driver_deadline = DriverDeadline()  # of this process; the command line sets it


def ask_driver() -> Driver:
    """Return the driver and its GPUs. Raises HardwareError with the reason."""
    try:
        answer = _ask("nvml")
    except HungError as error:
        raise HardwareError(f"NVML {error}", hung=True) from None
    except (NoAnswerError, OSError) as error:
        raise HardwareError(f"NVML: its process {error}") from None
    if "error" in answer:
        raise HardwareError(answer["error"], answer["code"])
    return from_json(Driver, answer["driver"])


def gpu_links() -> tuple[GpuLinks, ...]:
    """Return the links between the GPUs of this machine; empty if NVML does not answer."""
    if not driver_visible():
        return ()
    try:
        return from_json(tuple[GpuLinks, ...], _ask("links"))
    except (NoAnswerError, OSError):
        return ()


def driver_visible() -> bool:
    """Return whether one of the driver's files exists; WSL and Tegra have different files."""
    traces = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/nvmap")
    return any(Path(trace).exists() for trace in traces)


@cache
def driver_version() -> str | None:
    """Return the driver's version; None if NVML does not answer.

    In that case, do not query NVML in this process: it may hang.
    """
    if not driver_visible():
        return None
    try:
        return ask_driver().version
    except HardwareError:  # some containers and WSL have CUDA without NVML
        return None


@cache
def cuda_start(index: int | None) -> CudaStart:
    """Start CUDA in a child process and return the result, which is cached.

    The child creates a context on GPU `index` unless `index` is None.
    """
    try:
        return from_json(CudaStart, _ask("cuda", *([] if index is None else [str(index)])))
    except HungError as error:
        return CudaStart(error=str(error), hung=True)
    except EndedError as error:
        return CudaStart(error=str(error), signal=error.signal)
    except (NoAnswerError, OSError) as error:
        return CudaStart(error=f"could not be queried ({error})")


def _ask(*question: str) -> Any:
    child = Child([*CHILD, *question])
    try:
        return json.loads(child.answer(ANSWER, driver_deadline.limit_sec, driver_deadline.waiting))
    finally:
        child.close()
