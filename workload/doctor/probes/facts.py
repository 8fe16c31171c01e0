"""Read all facts once, without judging them."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from workload.core.errors import first_line
from workload.core.models.facts import DEFAULT, QUICK, Facts
from workload.core.models.gpu import Driver
from workload.core.models.pytorch import Probed
from workload.doctor.probes.libraries import (
    read_cuda_library,
    read_path_libraries,
    read_torch_files,
    read_unlocked,
    read_versions,
)
from workload.doctor.probes.machine import (
    read_clock,
    read_cpu,
    read_device_nodes,
    read_environment,
    read_folders,
    read_kernel_driver,
    read_link_widths,
    read_system,
    read_user,
)
from workload.doctor.probes.torch_probe import requested_index
from workload.doctor.probes.torch_process import CHILD_THREADS, probing
from workload.doctor.redaction import redaction
from workload.hardware.cgroups import read_limits
from workload.hardware.compilers import find_compilers
from workload.hardware.driver_process import ask_driver, cuda_start
from workload.hardware.import_limits import read_import_limits
from workload.hardware.kernel_log import read_boot_id, read_booted_sec, read_logged_xids
from workload.hardware.nvml import HardwareError

Fact = TypeVar("Fact")


def gather(
    requested_device: str,
    read_driver: Callable[[], Driver] = ask_driver,
    root: Path = Path("/"),
    depth: str = DEFAULT,
) -> Facts:
    """Read all facts once. Imports torch in a child process and runs small kernels there.

    The depth QUICK only reads files and queries the driver. DEEP does the same as DEFAULT, because
    its stress test runs later. `read_driver` queries the GPU driver. Files are read below `root`.
    If a reader raises an exception, its fact is None, and `unread` contains the error. An error of
    `read_driver` is in `driver_error` instead.
    """
    ask = _Asking()
    files = ask("torch_files", read_torch_files)
    in_child = depth != QUICK and "torch" not in sys.modules
    others = CHILD_THREADS if in_child else 0
    with ExitStack() as stack:
        # Start CUDA before PyTorch: a driver that hangs or aborts would end PyTorch's process too.
        asked = depth != QUICK and requested_device != "cpu" and files and files.cuda_version
        index = requested_index(requested_device)
        start = ask("cuda", lambda: cuda_start(index)) if asked else None
        device = "cpu" if start and (start.hung or start.signal) else requested_device
        look = Probed if depth == QUICK else lambda: stack.enter_context(probing(device, root))
        found = ask("torch", look) or Probed()
        driver, silent = _driver(read_driver)
        limits = ask("limits", lambda: read_limits(root))
        return Facts(
            requested_device=requested_device,
            depth=depth,
            system=ask("system", lambda: read_system(root, os.environ)),
            cpu=ask("cpu", lambda: read_cpu(root)),
            limits=limits,
            import_limits=ask(
                "import_limits", lambda: read_import_limits(limits, root, others=others)
            ),
            user=ask("user", lambda: read_user(os.environ)),
            torch=found.torch,
            torch_error=found.error or ask.unread.get("torch"),
            torch_signal=found.signal,
            torch_files=files,
            cuda=start,
            driver=driver,
            driver_error=None if silent is None else str(silent),
            driver_code=None if silent is None else silent.code,
            driver_hung=silent is not None and silent.hung,
            kernel_driver=ask("kernel_driver", lambda: read_kernel_driver(root)),
            cuda_library_error=ask("cuda_library_error", read_cuda_library),
            # Read these after CUDA has started, because it creates some of them.
            device_nodes=ask("device_nodes", lambda: read_device_nodes(root)),
            link_widths=ask("link_widths", lambda: read_link_widths(root)),
            mapped_libraries=found.mapped_libraries,
            path_libraries=ask("path_libraries", lambda: read_path_libraries(os.environ, root)),
            compilers=ask("compilers", find_compilers),
            folders=ask("folders", lambda: read_folders(os.environ)),
            clock=ask("clock", lambda: read_clock(root)),
            unlocked=ask("unlocked", read_unlocked),
            versions=ask("versions", read_versions),
            boot_id=ask("boot_id", lambda: read_boot_id(root)),
            booted_sec=ask("booted_sec", lambda: read_booted_sec(root)),
            xids=ask("xids", lambda: read_logged_xids(root)),
            environment=ask(
                "environment", lambda: read_environment(os.environ, redaction(os.environ).text)
            ),
            unread=ask.unread,
        )


class _Asking:
    """Calls readers, and keeps the error of each reader that raises an exception."""

    def __init__(self) -> None:
        self.unread: dict[str, str] = {}

    def __call__(self, fact: str, read: Callable[[], Fact]) -> Fact | None:
        try:
            return read()
        except Exception as error:  # the other facts must still be read
            self.unread[fact] = f"{type(error).__name__}: {first_line(error)}"
            return None


def _driver(read: Callable[[], Driver]) -> tuple[Driver | None, HardwareError | None]:
    try:
        return read(), None
    except HardwareError as error:
        return None, error
    except Exception as error:  # a binding that does not match the driver may raise any exception
        return None, HardwareError(f"NVML: {first_line(error)}")
