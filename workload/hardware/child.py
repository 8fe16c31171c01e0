"""Query a library in a child process, since the library may hang, abort or exit.

Each answer is one line and has a time limit. A process that cannot be killed, because it waits in
the kernel, is abandoned.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from workload.core.errors import ExitCode

KILL_SEC = 2.0  # how long a killed process may take to end
PROGRESS_SEC = 10.0  # a longer wait is reported
_POLL_SEC = 0.2
_SET_DEATH_SIGNAL = 1  # linux/prctl.h, PR_SET_PDEATHSIG
_HANDLED = 128  # the exit code after a handled signal is this plus its number


class NoAnswerError(Exception):
    """The process gave no answer; the message says why."""


class HungError(NoAnswerError):
    """The process did not answer in time, and was killed."""

    def __init__(self, timeout_sec: float) -> None:
        """Build the message from the time limit."""
        super().__init__(f"did not answer within {timeout_sec:g} s")


class EndedError(NoAnswerError):
    """The process ended by itself; `signal` is the name of the signal that ended it, if any."""

    def __init__(self, code: int) -> None:
        """Build the message from the exit code, which is negative for a signal."""
        self.signal = ending_signal(code)
        super().__init__(f"ended by {self.signal}" if self.signal else f"exited with code {code}")


class Child:
    """A process in a session of its own, so that processes it starts are killed with it."""

    def __init__(self, command: Sequence[str], *, with_errors: bool = False) -> None:
        """Start the process; `with_errors` redirects its stderr to its stdout. Raises OSError."""
        self._process = subprocess.Popen(  # noqa: S603  commands of this package
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if with_errors else subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._read = b""

    def answer(
        self, prefix: str, timeout_sec: float, waiting: Callable[[], None] = lambda: None
    ) -> str:
        """Return the rest of the next line that starts with `prefix`.

        Calls `waiting` once after PROGRESS_SEC. Raises HungError after `timeout_sec`, and
        EndedError if the process ends without such a line, even if another process keeps its stdout
        open.
        """
        started, reported = time.monotonic(), False
        while True:
            line = self._next_line()
            if line is not None and line.startswith(prefix):
                return line.removeprefix(prefix)
            if line is not None or self._wait_for_output():
                continue
            elapsed_sec = time.monotonic() - started
            if elapsed_sec >= timeout_sec:
                self.kill()
                raise HungError(timeout_sec)
            if elapsed_sec >= PROGRESS_SEC and not reported:
                reported = True
                waiting()

    def output(self, timeout_sec: float) -> str:
        """Return everything that the process prints until it ends. Raises HungError."""
        deadline = time.monotonic() + timeout_sec
        with suppress(EndedError):
            while True:
                self._wait_for_output()
                if time.monotonic() >= deadline:
                    self.kill()
                    raise HungError(timeout_sec)
        return self._read.decode(errors="replace")

    def _next_line(self) -> str | None:
        line, newline, rest = self._read.partition(b"\n")
        if not newline:
            return None
        self._read = rest
        return line.decode(errors="replace")

    def _wait_for_output(self) -> bool:
        """Return whether output came within _POLL_SEC. Raises EndedError at the end of output."""
        assert self._process.stdout  # noqa: S101  a pipe, see above
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = bool(selector.select(_POLL_SEC))
        chunk = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
        self._read += chunk
        if not chunk and (ready or self._process.poll() is not None):
            raise EndedError(self.close())
        return bool(chunk)

    def close(self) -> int:
        """Close stdin, kill the process if it does not end, and return its exit code."""
        assert self._process.stdin  # noqa: S101  a pipe, see above
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SEC)
        if self._process.returncode is None:
            self.kill()
        if self._process.stdout:
            self._process.stdout.close()
        return self._process.returncode or 0

    def kill(self) -> None:
        """Kill the process and those it started; abandon a process that does not end."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        try:
            self._process.wait(KILL_SEC)
        except subprocess.TimeoutExpired:
            self._process.returncode = -signal.SIGKILL  # do not wait for it again


def end_with_parent() -> None:
    """Let the kernel kill this process when its parent ends for any reason."""
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def ending_signal(code: int) -> str | None:
    """Return the name of the signal that ended a process with this code; None if none did.

    >>> ending_signal(-9), ending_signal(143), ending_signal(4)
    ('SIGKILL', 'SIGTERM', None)
    """
    if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):  # the process handled the signal
        code = _HANDLED - code
    return _signal_name(-code) if code < 0 else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a number without a name
        return f"signal {number}"
