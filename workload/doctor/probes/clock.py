"""Facts about the clock: its time, the hardware clock, and whether it is synchronized."""

import ctypes
from datetime import UTC, datetime
from pathlib import Path

from workload.core.models.machine import Clock

STA_UNSYNC = 0x40  # sys/timex.h


class _Timex(ctypes.Structure):
    """The first fields of struct timex (adjtimex(2)); `rest` is room for the others."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def read_clock(root: Path) -> Clock:
    """Return the system's clock and what it can be compared with, without a network."""
    return Clock(datetime.now(UTC).timestamp(), _hardware_sec(root), _synchronized())


def _hardware_sec(root: Path) -> float | None:
    try:
        return float((root / "sys/class/rtc/rtc0/since_epoch").read_text())
    except (OSError, ValueError):
        return None


def _synchronized() -> bool | None:
    """Call adjtimex(2) without a change, which needs no privileges; it returns -1 if forbidden."""
    timex = _Timex()
    try:
        allowed = ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) >= 0
    except (AttributeError, OSError):  # not Linux
        return None
    return not timex.status & STA_UNSYNC if allowed else None
