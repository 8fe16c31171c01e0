"""Call a function at a time, even while the main thread waits in a call that keeps Python's lock.

Then no other thread runs, and no handler of Python's. A callback of ctypes runs in the C handler
itself, on the main thread, which has the lock: the kernel interrupts its call.
"""

import ctypes
import signal
from collections.abc import Callable

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_int)


class Alarm:
    """The one timer of this process that sends SIGALRM."""

    def __init__(self, ring: Callable[[], object]) -> None:
        """Call `ring` when the time is up; nothing happens before `set`."""
        self._handler = _Handler(lambda _number: ring())
        self._installed = self._running = False

    def set(self, seconds: float) -> None:
        """Ring after this many seconds; this replaces the time that was set before."""
        if not self._installed:
            install = ctypes.CDLL(None).signal
            install.argtypes, install.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
            install(signal.SIGALRM, ctypes.cast(self._handler, ctypes.c_void_p))
            self._installed = True
        self._running = True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(self) -> None:
        """Do not ring."""
        if self._running:
            self._running = False
            signal.setitimer(signal.ITIMER_REAL, 0)
