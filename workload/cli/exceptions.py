"""Turn an exception or a crash that ends a command into an exit code and one line with a fix.

A library may crash while it is imported. Python's own signal handlers run between two bytecodes, so
they never run after a crash. `crash_is_unfit` therefore installs a ctypes callback as the C signal
handler. The callback only writes a line and exits. If it crashes too, the signal ends the process,
as without a handler.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from workload.core.errors import FIX_OF_LIMIT, ExitCode, WorkloadError
from workload.core.imports import import_problem
from workload.hardware.c_handlers import Handler, install

CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)


def explain(error: Exception) -> tuple[ExitCode, str]:
    """Return the exit code and the reason in one line; `ExitCode.BUG` for an unexpected error.

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


@contextmanager
def crash_is_unfit(command: str) -> Iterator[None]:
    """If the code in the block crashes, print an error line of `command` and exit with UNFIT."""
    handler = Handler(lambda number: _end(command, number))
    before = {number: install(number, handler.address) for number in CRASHES}
    try:
        yield
    finally:
        for number, earlier in before.items():
            install(number, earlier)


def _end(command: str, number: int) -> None:
    line = (
        f"workload {command}: a library crashed with {signal.Signals(number).name} when "
        "it was imported, because it is broken or uses instructions that this CPU does not "
        "support: use one of the project's images, or reinstall torch; run `workload doctor` for "
        "details\n"
    )
    os.write(2, line.encode())
    os._exit(ExitCode.UNFIT)
