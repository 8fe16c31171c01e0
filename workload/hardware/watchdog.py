"""End a command whose GPU stops answering in the middle of its work.

A CUDA call that waits for such a GPU never returns, so no exception can end it. A thread checks
when the GPU last answered. After the time limit of `driver_process`, it calls `on_silence`, which
saves the results so far and ends the process. Without `on_silence`, nothing is watched.

Some PyTorch calls hold the GIL while they wait (2.13: `Event.elapsed_time`, `Event.query`,
`cuda.Stream()`, `set_device`), which blocks the watching thread too. In that case, an `Alarm` does
the same a little later.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from workload.core.errors import XID, ExitCode, LostDeviceError
from workload.hardware.alarm import Alarm
from workload.hardware.driver_process import driver_deadline

POLL_SEC = 0.5
ALARM_SEC = 2.0  # after the limit, so that the thread acts first if it can run
END_SEC = 30.0  # to save the results and end the process


@dataclass
class _Work:
    device: str
    limit_sec: float
    since: float  # the last answer


class Watchdog:
    """A watchdog for one thread's work on a GPU; `_work` is None while nothing is watched."""

    def __init__(self) -> None:
        """Watch nothing until `on_silence` is set."""
        self.on_silence: Callable[[LostDeviceError], None] | None = None
        self.alarm: Alarm | None = None
        self._work: _Work | None = None
        self._once = threading.Lock()
        self._setting = threading.RLock()  # reentrant: the alarm may ring while the lock is held
        self._thread: threading.Thread | None = None

    @contextmanager
    def working(self, device: str, busy_sec: float = 0.0) -> Iterator[None]:
        """Expect `device`, such as cuda:0, to answer in the block; the CPU is not watched.

        Each answer may take `busy_sec` longer than the limit.
        """
        if device == "cpu":
            yield
            return
        self._start()
        limit_sec = driver_deadline.limit_sec + busy_sec
        with self._during(_Work(device, limit_sec, time.monotonic())):
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Expect no answer in the block, because only the host works."""
        with self._during(None):
            yield

    def answered(self) -> None:
        """Record that the GPU has answered."""
        if self._work:
            self._work.since = time.monotonic()

    @contextmanager
    def _during(self, work: _Work | None) -> Iterator[None]:
        before, self._work = self._work, work
        self._set_alarm()
        try:
            yield
        finally:
            self._work = before
            self.answered()
            self._set_alarm()

    def _start(self) -> None:
        if self.on_silence and self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(POLL_SEC)
            self._set_alarm()
            if self.end_if_silent():
                return

    def end_if_silent(self) -> bool:
        """Call `on_silence` if the time limit for an answer has passed; return whether it has."""
        work = self._work
        if not work or not self.on_silence or time.monotonic() - work.since <= work.limit_sec:
            return False
        if not self._once.acquire(blocking=False):  # the thread or the alarm has already called it
            return True
        what = f"no answer within {work.limit_sec:.4g} s"
        fix = f"{XID}, or wait longer with --driver-timeout"
        self.on_silence(LostDeviceError(work.device, what, fix))
        return True

    def ring(self) -> None:
        """End the process if the time limit for an answer has passed, else set the alarm again.

        The alarm calls this on the main thread. If the watching thread has already called
        `on_silence`, the sleep releases the GIL to that thread. Without the sleep, the main thread
        would return to the call that waits for the GPU, and keep the GIL.
        """
        if self.end_if_silent():
            time.sleep(END_SEC)
            os._exit(ExitCode.UNFIT)
        self._set_alarm()  # the GPU has answered since the alarm was set

    def _set_alarm(self) -> None:
        with self._setting:  # else a thread could set the alarm for work that has just ended
            work = self._work
            if self.alarm and work and self.on_silence:
                silent_sec = time.monotonic() - work.since
                self.alarm.set(max(work.limit_sec - silent_sec, 0.0) + ALARM_SEC)
            elif self.alarm:
                self.alarm.stop()


watchdog = Watchdog()  # of this process; the command line sets `on_silence`
