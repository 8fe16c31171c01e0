"""What an exception that ended a command means: its exit code, and a line that says what to do."""

import errno
import os

from workload.core.errors import ExitCode, WorkloadError
from workload.core.imports import import_problem

# What a limit of the system ends anywhere, and what to do.
LIMITS = {
    errno.EMFILE: "raise the limit of open files: ulimit -n 1024",
    errno.ENFILE: "close programs: the whole system has too many open files",
    errno.ENOMEM: "allow more memory: --memory, ulimit -v or ulimit -d",
    errno.EAGAIN: "allow more processes and threads: --pids-limit or ulimit -u",
}


def explain(error: Exception) -> tuple[ExitCode, str]:
    """Return the exit code and the reason in one line; `ExitCode.BUG` if nothing explains it.

    >>> explain(MemoryError())
    (<ExitCode.UNFIT: 4>, 'memory ran out: allow more, or choose smaller sizes')
    """
    if isinstance(error, WorkloadError):
        return error.exit_code, str(error)
    if isinstance(error, MemoryError):
        return ExitCode.UNFIT, "memory ran out: allow more, or choose smaller sizes"
    number = error.errno if isinstance(error, OSError) else None
    if number in LIMITS:
        return ExitCode.UNFIT, f"{os.strerror(number)}: {LIMITS[number]}"
    if isinstance(error, ImportError):
        return ExitCode.UNFIT, import_problem(error)
    return ExitCode.BUG, f"{type(error).__name__}: {error}"
