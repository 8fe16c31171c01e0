"""Watch the NVIDIA driver's errors while a command runs: Xids as events, NVLink errors as counts.

For GPUs that have no events, or that are lost while the command runs, Xids are read from the
kernel's log if it is readable.

Source: NVML API Reference Guide, "Event Handling Methods" and "Field Value Enums".
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from workload.core.models.xid import LinkErrors, Xid
from workload.hardware.driver_thread import DriverThread
from workload.hardware.gpu_health import read_link_errors, read_recovery_action
from workload.hardware.gpu_state import Questions, failures, pci_address
from workload.hardware.kernel_log import read_logged_xids
from workload.hardware.nvml import HardwareError, load_nvml

MAX_EVENTS = 1000  # of one run
TIMEOUT_MSEC = 0
ERROR_TIMEOUT = 10  # nvmlReturn_t: no event is left


@dataclass
class _Gpu:
    """A GPU with its event set, and with its address, which a lost GPU no longer reports."""

    address: str
    ask: Questions
    events: Any
    links_before: dict[str, int]
    silent: bool = False  # its events ended with an error, such as "GPU is lost"


@dataclass(frozen=True)
class Reported:
    """The errors that the driver reported since the start; None for a kind it does not report."""

    xids: tuple[Xid, ...] | None = None
    link_errors: tuple[LinkErrors, ...] | None = None


class DriverErrors:
    """A collector of all GPUs' errors since its creation; without a driver, errors are unknown.

    The registration for events ends with the process.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """Register for events before the work starts. The kernel's log is read below `root`."""
        self._root = root
        self._logged: tuple[Xid, ...] | None = None  # in the log before the command
        self._found: list[Xid] = []
        self._last = Reported()
        self._gpus: tuple[_Gpu, ...] = ()
        self._thread = DriverThread()
        with suppress(HardwareError):  # the Python binding is missing
            self._register(load_nvml())

    def _register(self, nvml: Any) -> None:
        self._logged = read_logged_xids(self._root)
        with suppress(*failures(nvml), AttributeError):  # no driver, or one without events
            self._gpus = self._thread.ask(lambda: tuple(_registered(nvml)), ())

    def collect(self) -> Reported:
        """Return all errors since the start."""
        if self._gpus:
            self._last = self._thread.ask(self._collect, self._last)
        logged = self._new_in_log()
        if logged is None:
            return self._last
        return Reported((*(self._last.xids or ()), *logged), self._last.link_errors)

    def _new_in_log(self) -> tuple[Xid, ...] | None:
        """Return the new Xids of GPUs without events; None if the log cannot be read."""
        logged = None if self._logged is None else read_logged_xids(self._root)
        if self._logged is None or logged is None:
            return None
        known = {gpu.address for gpu in self._gpus if not gpu.silent}
        before = frozenset(self._logged)
        new = (xid for xid in logged if xid not in before and xid.address not in known)
        return tuple(replace(xid, during_run=True) for xid in new)

    def _collect(self) -> Reported:
        links = [(gpu, read_link_errors(gpu.ask)) for gpu in self._gpus]
        for gpu in self._gpus:
            self._found += self._new(gpu)
        grown = [LinkErrors(gpu.address, _grown(gpu.links_before, now)) for gpu, now in links]
        known = any(now for _, now in links)
        errors = tuple(one for one in grown if one.counts)
        return Reported(tuple(self._found), errors if known else None)

    def _new(self, gpu: _Gpu) -> Iterator[Xid]:
        """Yield the new Xids of a GPU, with the driver's current recovery action."""
        nvml = gpu.ask.nvml
        numbers: list[int] = []
        while len(self._found) + len(numbers) < MAX_EVENTS:
            try:
                event = nvml.nvmlEventSetWait_v2(gpu.events, TIMEOUT_MSEC)
            except failures(nvml) as error:  # a timeout: no event is left
                gpu.silent = getattr(error, "value", None) != ERROR_TIMEOUT
                break
            numbers.append(int(event.eventData))
        asked = read_recovery_action(gpu.ask) if numbers else None
        for number in numbers:
            yield Xid(gpu.address, number, "", None, during_run=True, recovery_action=asked)


def _grown(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    """Return the increases of the counts that have grown."""
    return {
        name: count - before[name]
        for name, count in now.items()
        if name in before and count > before[name]
    }


def _registered(nvml: Any) -> Iterator[_Gpu]:
    """Register for the Xids of each GPU that has events, and yield these GPUs."""
    nvml.nvmlInit()
    for index in range(nvml.nvmlDeviceGetCount()):
        with suppress(*failures(nvml)):  # this GPU is lost, or has no events
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            address = pci_address(nvml.nvmlDeviceGetPciInfo(handle).busId)
            events = nvml.nvmlEventSetCreate()
            nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, events)
            ask = Questions(nvml, handle)
            yield _Gpu(address, ask, events, read_link_errors(ask))
