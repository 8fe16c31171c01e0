"""End a command whose GPU stops answering in the middle of its work.

A call of CUDA that waits for such a GPU never returns, so no exception can end it. A thread looks
at the time since the GPU last answered. Past the limit of `driver_process` it calls `on_silence`,
which saves what is known and ends the process. Without `on_silence` nothing is watched.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from workload.core.errors import XID, LostDeviceError
from workload.hardware.driver_process import driver_deadline

POLL_SEC = 0.5


@dataclass
class _Work:
    device: str
    limit_sec: float
    since: float  # the last answer


class Watchdog:
    """Watches the work of one thread; `work` is None while the GPU has none."""

    def __init__(self) -> None:
        """Watch nothing until `on_silence` is set."""
        self.on_silence: Callable[[LostDeviceError], None] | None = None
        self._work: _Work | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def working(self, device: str, busy_sec: float = 0.0) -> Iterator[None]:
        """Expect answers of `device` in the block, cuda:0 or cpu, which is not watched.

        Each may take `busy_sec` more than the limit.
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
        """Expect no answer in the block: the host works."""
        with self._during(None):
            yield

    def answered(self) -> None:
        """Take note that the GPU has done what it was asked for."""
        if self._work:
            self._work.since = time.monotonic()

    @contextmanager
    def _during(self, work: _Work | None) -> Iterator[None]:
        before, self._work = self._work, work
        try:
            yield
        finally:
            self._work = before
            self.answered()

    def _start(self) -> None:
        if self.on_silence and self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(POLL_SEC)
            work = self._work
            if work and self.on_silence and time.monotonic() - work.since > work.limit_sec:
                what = f"no answer within {work.limit_sec:.4g} s"
                fix = f"{XID}, or wait longer with --driver-timeout"
                self.on_silence(LostDeviceError(work.device, what, fix))
                return


watchdog = Watchdog()  # of this process; the command line sets `on_silence`
