"""Run one command until it ends or its time is up; nothing it does holds up the caller."""

import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

# Between SIGINT, at which `workload` and pytest save their records, and SIGKILL.
SAVE_SEC = 5.0
MAX_SAVE_SHARE = 0.2  # of the time
# A process that waits for a driver or a disk inside the kernel is not even ended by SIGKILL.
ABANDON_SEC = 2.0
MAX_LINE_BYTES = 1 << 16
POLL_SEC = 0.05
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


class Lines:
    """Hands over what a pipe brings, line by line."""

    def __init__(self, descriptor: int, write: Write) -> None:
        """Read from `descriptor` without waiting for it."""
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._write = write
        self._rest = b""
        self._open = True

    def read(self, wait_sec: float) -> None:
        """Wait for output, at most this long, and hand on the whole lines."""
        if not self._open:
            time.sleep(wait_sec)
            return
        ready, _, _ = select.select([self.descriptor], [], [], wait_sec)
        if ready:
            with suppress(BlockingIOError):
                self._take(os.read(self.descriptor, MAX_LINE_BYTES))

    def finish(self) -> None:
        """Hand on what is left, without waiting for other holders of the pipe."""
        while self._open and select.select([self.descriptor], [], [], 0)[0]:
            self.read(0)
        if self._rest:
            self._write(self._rest + b"\n")

    def _take(self, data: bytes) -> None:
        self._open = bool(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._write(line + b"\n")
        if len(self._rest) >= MAX_LINE_BYTES:
            self._write(self._rest + b"\n")
            self._rest = b""


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
            preexec_fn=_prepare,  # noqa: PLW1509  this process has one thread
        )
    except OSError as error:
        return Ended(None, time.monotonic() - started, problem=f"{command[0]}: {error.strerror}")
    assert process.stdout  # requested above
    lines = Lines(process.stdout.fileno(), write)
    in_time, save_sec = False, min(SAVE_SEC, MAX_SAVE_SHARE * limit_sec)
    try:
        in_time = _wait(process, lines, started + limit_sec - save_sec)
    finally:  # also where a signal ends this process
        if not in_time:
            _signal(process, signal.SIGINT)
            _wait(process, lines, time.monotonic() + save_sec)
        _signal(process, signal.SIGKILL)  # whatever is left of the group
        _wait(process, lines, time.monotonic() + ABANDON_SEC)
        lines.finish()
        process.stdout.close()
    seconds = time.monotonic() - started
    problem = None if process.poll() is not None else "it cannot be killed: the kernel holds it"
    return Ended(process.returncode, seconds, not in_time, problem)


def _prepare() -> None:
    """Let SIGINT end this process, and the kernel kill it when its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], lines: Lines, ends_at: float) -> bool:
    """Pass output on until the process ends; return False where the time is up before."""
    while process.poll() is None:
        left_sec = ends_at - time.monotonic()
        if left_sec <= 0:
            return False
        lines.read(min(POLL_SEC, left_sec))
    return True


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
