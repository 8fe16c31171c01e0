"""What an exception that ended a command means: its exit code, and a line that says what to do."""

import os

from workload.core.errors import FIX_OF_LIMIT, ExitCode, WorkloadError
from workload.core.imports import import_problem


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
    if number in FIX_OF_LIMIT:
        return ExitCode.UNFIT, f"{os.strerror(number)}: {FIX_OF_LIMIT[number]}"
    if isinstance(error, ImportError):
        return ExitCode.UNFIT, import_problem(error)
    return ExitCode.BUG, f"{type(error).__name__}: {error}"
