"""Read the errors ("Xids") that the NVIDIA driver reports, from the kernel's log and as events.

Sources: proc(5) and the kernel's Documentation/ABI/testing/dev-kmsg; NVIDIA, XID Errors; NVML API
Reference Guide, "Event Handling Methods".
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from workload.core.files import read_text
from workload.core.models.xid import Xid
from workload.hardware.driver_thread import DriverThread
from workload.hardware.gpu_state import failures, pci_address
from workload.hardware.nvml import HardwareError, load_nvml

# Such as `NVRM: Xid (PCI:0000:65:00): 79, pid=7, GPU has fallen off the bus.`
_LINE = re.compile(
    r"^(?:\d+,\d+,(?P<usec>\d+)[^;]*;)?.*?NVRM: Xid \(PCI:(?P<address>[0-9a-fA-F:.]+)\): "
    r"(?P<number>\d+),? ?(?P<text>.*)$",
    re.MULTILINE,
)
MAX_LOG_BYTES = 64 << 20
RECORD_BYTES = 8192  # more than one record of the log
MAX_EVENTS = 1000  # of one run
TIMEOUT_MSEC = 0


def read_boot_id(root: Path) -> str | None:
    """Return the id of this start of the machine, the same in all its containers."""
    return read_text(root / "proc/sys/kernel/random/boot_id").strip() or None


def read_logged_xids(root: Path) -> tuple[Xid, ...] | None:
    """Return the Xids since the machine was started; None where the log cannot be read."""
    try:
        return parse_log(_read_log(root / "dev/kmsg"))
    except OSError:
        return None


def parse_log(text: str) -> tuple[Xid, ...]:
    """Return the Xids in a kernel log, with the times of /dev/kmsg where it has them."""
    return tuple(
        Xid(
            address=pci_address(found["address"]),
            number=int(found["number"]),
            text=found["text"].strip(),
            at_sec=int(found["usec"]) / 1e6 if found["usec"] else None,
        )
        for found in _LINE.finditer(text)
    )


def _read_log(path: Path) -> str:
    """Read /dev/kmsg, where each read returns one record, until there is no more."""
    log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    records: list[bytes] = []
    size = 0
    try:
        while size < MAX_LOG_BYTES:
            try:
                record = os.read(log, RECORD_BYTES)
            except BlockingIOError:
                break
            except BrokenPipeError:  # overwritten meanwhile: go on with the oldest that is left
                continue
            if not record:
                break
            records.append(record)
            size += len(record)
    finally:
        os.close(log)
    return b"".join(records).decode("utf-8", "replace")


class XidEvents:
    """Collects the Xids of all GPUs while it is entered; without a driver there are none."""

    def __init__(self) -> None:
        """Register for nothing yet."""
        self._found: list[Xid] = []
        self._nvml: Any = None
        self._events: Any = None
        self._thread = DriverThread()

    def __enter__(self) -> "XidEvents":
        """Register for events before the work starts, so that none is missed."""
        try:
            nvml = load_nvml()
        except HardwareError:
            return self
        no_events: tuple[type[Exception], ...] = (*failures(nvml), AttributeError)
        try:
            self._events = self._thread.ask(lambda: _registered(nvml), None)
            self._nvml = nvml if self._events is not None else None
        except no_events:  # no driver, or one without events
            self._nvml = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Collect what is left, and end the registration."""
        self.collect()
        if self._nvml:
            with suppress(*failures(self._nvml)):
                self._thread.ask(self._free, None)
        self._nvml = None

    def _free(self) -> None:
        self._nvml.nvmlEventSetFree(self._events)
        self._nvml.nvmlShutdown()

    def collect(self) -> tuple[Xid, ...]:
        """Return all Xids since the start."""
        return self._thread.ask(self._collect, tuple(self._found))

    def _collect(self) -> tuple[Xid, ...]:
        nvml = self._nvml
        while nvml and len(self._found) < MAX_EVENTS:
            try:
                event = nvml.nvmlEventSetWait_v2(self._events, TIMEOUT_MSEC)
                address = nvml.nvmlDeviceGetPciInfo(event.device).busId
            except failures(nvml):  # a timeout: there is no more
                break
            number = int(event.eventData)
            self._found.append(Xid(pci_address(address), number, "", None, during_run=True))
        return tuple(self._found)


def _registered(nvml: Any) -> Any:
    """Return a set of events, with the Xids of each GPU that has events."""
    nvml.nvmlInit()
    events = nvml.nvmlEventSetCreate()
    for index in range(nvml.nvmlDeviceGetCount()):
        with suppress(*failures(nvml)):  # this GPU is lost, or has no events
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, events)
    return events
