"""End the process with UNFIT and one line where a library crashes while it is imported.

Handlers of Python run between two bytecodes, so they never run after a crash. A callback of ctypes
runs in the C handler itself. It writes and exits, nothing else; if even that crashes, the kernel
ends the process by the signal, as it would without a handler.
"""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from workload.core.errors import ExitCode

CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)
_Handler = ctypes.CFUNCTYPE(None, ctypes.c_int)


@contextmanager
def crash_is_unfit(command: str) -> Iterator[None]:
    """Within, end the process with UNFIT where it crashes, and say so for `command`."""
    install = ctypes.CDLL(None).signal
    install.argtypes, install.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    handler = _Handler(lambda number: _end(command, number))
    before = {number: install(number, ctypes.cast(handler, ctypes.c_void_p)) for number in CRASHES}
    try:
        yield
    finally:
        for number, earlier in before.items():
            install(number, earlier)


def _end(command: str, number: int) -> None:
    line = (
        f"workload {command}: a library ended the process by {signal.Signals(number).name} when "
        "it was imported: it is broken or uses instructions that this CPU lacks: use one of the "
        "project's images, or reinstall torch; `workload doctor` says more\n"
    )
    os.write(2, line.encode())
    os._exit(ExitCode.UNFIT)
