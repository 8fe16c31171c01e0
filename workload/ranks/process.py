"""The process of one rank."""

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from workload.core.files import read_text
from workload.hardware.child import KILL_SEC, ending_signal


class RankProcess:
    """A process in a session of its own, on some CPUs, whose stderr goes to a file."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        cpus: Iterable[int],
        stderr: Path,
    ) -> None:
        """Start it. Raises OSError."""
        self._stderr = stderr
        with stderr.open("wb") as errors, running_on(cpus):
            self._process = subprocess.Popen(  # noqa: S603  this program
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """Kill it and what it started, without waiting: one may wait in the kernel indefinitely."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def leave(self) -> None:
        """Wait until it has ended, but not for one that waits in the kernel."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SEC)
        if self._process.returncode is None:
            self._process.returncode = -signal.SIGKILL  # no one waits for it from now on

    @property
    def lines(self) -> list[str]:
        """The lines on its stderr so far."""
        return [line for line in read_text(self._stderr).splitlines() if line.strip()]

    def how_it_died(self) -> str:
        """Return how it ended without a result: by a signal, or after which line."""
        code = self.code or 0
        name = ending_signal(code)
        if name:
            hint = ", as the kernel does when memory runs out" if -code == signal.SIGKILL else ""
            return f"ended by {name}{hint}"
        last = self.lines[-1:]
        return f"ended with code {code}{f' after: {last[0]}' if last else ''}"


@contextmanager
def running_on(cpus: Iterable[int]) -> Iterator[None]:
    """Bind this thread to CPUs for the block; a process that it starts inherits that.

    Where the system does not allow it, nothing is bound.
    """
    before = os.sched_getaffinity(0)
    with suppress(OSError):
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, before)
