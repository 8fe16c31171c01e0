"""Call a function at a time, even while the main thread waits in a call that keeps Python's lock.

While a call keeps the lock, no other thread and no signal handler of Python's runs. A callback of
ctypes runs in the C handler itself, on the main thread, which holds the lock.
"""

import signal
from collections.abc import Callable

from workload.hardware.c_handlers import Handler, install


class Alarm:
    """The one timer of this process that sends SIGALRM."""

    def __init__(self, ring: Callable[[], object]) -> None:
        """Call `ring` when the time is up; nothing happens before `set`."""
        self._handler = Handler(lambda _number: ring())
        self._installed = False

    def set(self, seconds: float) -> None:
        """Ring after this many seconds; this replaces the time that was set before."""
        if not self._installed:
            install(signal.SIGALRM, self._handler.address)
            self._installed = True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(self) -> None:
        """Do not ring."""
        if self._installed:
            signal.setitimer(signal.ITIMER_REAL, 0)
