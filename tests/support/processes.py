"""Wait for a process that a test started; the test fails if it ends meanwhile."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_SEC = 120


def wait_until(
    process: subprocess.Popen[Any], reached: Callable[[], bool], patience_sec: float = PATIENCE_SEC
) -> None:
    """Wait until `reached()`, while the process runs."""
    end = time.monotonic() + patience_sec
    while not reached():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < end, f"nothing happened within {patience_sec} s"
        time.sleep(0.001)


def wait_until_busy(process: subprocess.Popen[Any], cpu_sec: float) -> None:
    """Wait until the process has used so much more CPU time."""
    enough = cpu_time_sec(process.pid) + cpu_sec
    wait_until(process, lambda: cpu_time_sec(process.pid) >= enough)


def cpu_time_sec(pid: int) -> float:
    """User and system time, from /proc/PID/stat, which has hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
