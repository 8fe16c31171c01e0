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
    """A process in its own session, bound to some CPUs, with stderr written to a file."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        cpus: Iterable[int],
        stderr: Path,
    ) -> None:
        """Start the process. Raises OSError."""
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
        """The exit code, negative for a signal; None while the process runs."""
        return self._process.poll()

    def kill(self) -> None:
        """Kill the process and its children. Do not wait: it may be blocked in the kernel."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def leave(self) -> None:
        """Wait at most KILL_SEC for the process to end: it may be blocked in the kernel."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SEC)
        if self._process.returncode is None:
            self._process.returncode = -signal.SIGKILL  # so that Popen does not wait for it

    @property
    def lines(self) -> list[str]:
        """The lines on stderr so far, without empty ones."""
        return [line for line in read_text(self._stderr).splitlines() if line.strip()]

    def how_it_died(self) -> str:
        """Return how the process ended: its signal, or its exit code and last line on stderr."""
        code = self.code or 0
        name = ending_signal(code)
        if name:
            hint = ", which the kernel sends if memory runs out" if -code == signal.SIGKILL else ""
            return f"ended by {name}{hint}"
        last = self.lines[-1:]
        return f"ended with code {code}" + (f' after printing "{last[0]}"' if last else "")


@contextmanager
def running_on(cpus: Iterable[int]) -> Iterator[None]:
    """Bind this thread to CPUs for the block. A process that it starts inherits the binding.

    If the system does not allow it, nothing is bound.
    """
    before = os.sched_getaffinity(0)
    with suppress(OSError):
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, before)
