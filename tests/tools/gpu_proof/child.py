"""Run one command until it ends or its time is up; nothing it does holds up the caller."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import IO

# Between SIGINT, at which `workload` and pytest save their records, and SIGKILL.
SAVE_SEC = 5.0
MAX_SAVE_SHARE = 0.2  # of the time
# A process that waits for a driver or a disk inside the kernel is not even ended by SIGKILL.
ABANDON_SEC = 2.0
MAX_LINE_BYTES = 1 << 16
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

Write = Callable[[bytes], None]


@dataclass(frozen=True)
class Ended:
    """How a command ended: `exit_code` is None if it could not be started or did not end."""

    exit_code: int | None
    seconds: float
    out_of_time: bool = False
    problem: str | None = None


def run(
    command: Sequence[str], limit_sec: float, write: Write, environment: Mapping[str, str]
) -> Ended:
    """Run `command` in a process group of its own, which does not outlive it."""
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            process_group=0,
            preexec_fn=_prepare,  # noqa: PLW1509  two system calls, whatever other threads do
        )
    except OSError as error:
        return Ended(None, time.monotonic() - started, problem=f"{command[0]}: {error.strerror}")
    assert process.stdout  # requested above
    reader = Thread(target=_pass_on, args=(process.stdout, write), daemon=True)
    reader.start()
    in_time, save_sec = False, min(SAVE_SEC, MAX_SAVE_SHARE * limit_sec)
    try:
        in_time = _ends(process, limit_sec - save_sec)
    finally:  # also where a signal ends this process
        if not in_time:
            _signal(process, signal.SIGINT)
            _ends(process, save_sec)
        _signal(process, signal.SIGKILL)  # whatever is left of the group
        _ends(process, ABANDON_SEC)
        reader.join(ABANDON_SEC)  # another group may hold the pipe
    seconds = time.monotonic() - started
    problem = None if process.poll() is not None else "it cannot be killed: the kernel holds it"
    return Ended(process.returncode, seconds, not in_time, problem)


def _prepare() -> None:
    """Let SIGINT end this process, and the kernel kill it when its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _pass_on(output: IO[bytes], write: Write) -> None:
    """Hand over what a pipe brings, line by line; a line that does not end comes in parts."""
    with output:
        while line := output.readline(MAX_LINE_BYTES):
            write(line.removesuffix(b"\n") + b"\n")


def _ends(process: subprocess.Popen[bytes], limit_sec: float) -> bool:
    """Return whether the process ends within this time."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(limit_sec)
    return process.returncode is not None


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
