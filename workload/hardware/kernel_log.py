"""Read the boot time, and the NVIDIA driver's errors ("Xids") from the kernel's log.

Sources: proc(5) and the kernel's Documentation/ABI/testing/dev-kmsg; NVIDIA, XID Errors.
"""

import os
import re
import time
from collections import deque
from pathlib import Path

from workload.core.files import read_text
from workload.core.models.xid import Xid
from workload.hardware.gpu_state import pci_address

# A record of /dev/kmsg, such as
# `3,2,9000000,-;NVRM: Xid (PCI:0000:65:00): 79, pid=7, GPU has fallen off the bus.`
# Only the kernel writes records of facility 0, whose first number is below 8. Records of programs
# have another facility and may contain any text.
_RECORD = re.compile(
    r"^[0-7],\d{1,20},(?P<usec>\d{1,18}),[^;\n]{0,200};"
    r"NVRM: Xid \(PCI:(?P<address>[0-9a-fA-F:.]{4,20})\): (?P<number>\d{1,9})\b,? ?(?P<text>.*)$",
    re.MULTILINE,
)
MAX_LOG_BYTES = 64 << 20
MAX_READS = 1 << 20  # including those that fail because the record was overwritten
RECORD_BYTES = 8192  # no record is larger
MAX_XIDS = 1000  # only the newest are kept: a program may cause thousands
MAX_TEXT = 300  # characters


def read_boot_id(root: Path) -> str | None:
    """Return the machine's boot ID, which is the same in all its containers; None if unknown."""
    return read_text(root / "proc/sys/kernel/random/boot_id").strip() or None


def read_booted_sec(root: Path) -> float | None:
    """Return the machine's boot time as a Unix timestamp by its clock; None if unknown."""
    found = re.match(r"\d{1,12}(\.\d+)?", read_text(root / "proc/uptime"))
    return time.time() - float(found[0]) if found else None


def read_logged_xids(root: Path) -> tuple[Xid, ...] | None:
    """Return the newest Xids since the machine booted; None if the log cannot be read."""
    try:
        return parse_log(_read_log(root / "dev/kmsg"))
    except OSError:
        return None


def parse_log(text: str) -> tuple[Xid, ...]:
    """Return the last Xids in the text of /dev/kmsg, in chronological order."""
    found = deque(_RECORD.finditer(text), maxlen=MAX_XIDS)
    return tuple(
        Xid(
            address=pci_address(match["address"]),
            number=int(match["number"]),
            text=match["text"].strip()[:MAX_TEXT],
            at_sec=int(match["usec"]) / 1e6,
        )
        for match in found
    )


def _read_log(path: Path) -> str:
    """Read /dev/kmsg until no records are left; each read returns one."""
    log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    records: list[bytes] = []
    size = 0
    try:
        for _ in range(MAX_READS):
            try:
                record = os.read(log, RECORD_BYTES)
            except BlockingIOError:
                break
            except BrokenPipeError:  # overwritten meanwhile: continue with the oldest record left
                continue
            if not record or size > MAX_LOG_BYTES:
                break
            records.append(record)
            size += len(record)
    finally:
        os.close(log)
    return b"".join(records).decode("utf-8", "replace")
