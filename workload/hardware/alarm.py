"""Call a function after a delay, even while the main thread waits in a call that holds the GIL.

While a call holds the GIL, no other thread and no Python signal handler runs. Therefore the signal
handler is a ctypes callback: it runs on the main thread, which already holds the GIL.
"""

import signal
from collections.abc import Callable

from workload.hardware.c_handlers import Handler, install


class Alarm:
    """The timer that sends SIGALRM; a process has only one."""

    def __init__(self, ring: Callable[[], object]) -> None:
        """Prepare to call `ring` when the time is up; `set` starts the timer."""
        self._handler = Handler(lambda _number: ring())
        self._installed = False

    def set(self, seconds: float) -> None:
        """Start the timer, or restart it, with this many seconds."""
        if not self._installed:
            install(signal.SIGALRM, self._handler.address)
            self._installed = True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(self) -> None:
        """Stop the timer."""
        if self._installed:
            signal.setitimer(signal.ITIMER_REAL, 0)
