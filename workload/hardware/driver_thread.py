"""Query a library of the driver in this process, with the time limit of `driver_process`.

A call that hangs blocks its thread. After that, no more queries are made, and the command
continues.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from workload.hardware.driver_process import driver_deadline
from workload.hardware.sensors import Reading, Sensor

Answer = TypeVar("Answer")
UNREAD = Reading(None, None, None, None, None)


class DriverThread:
    """A thread that queries the driver; `silent` is true once a query has timed out."""

    def __init__(self) -> None:
        """Start a daemon thread."""
        self.silent = False
        self._questions: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._work, name="driver", daemon=True).start()

    def ask(self, question: Callable[[], Answer], otherwise: Answer) -> Answer:
        """Return the answer, or `otherwise` if none comes in time; raise what `question` raises."""
        if self.silent:
            return otherwise
        answer: Future[Answer] = Future()
        self._questions.put((question, answer))
        wait((answer,), driver_deadline.limit_sec)
        if answer.done():
            return answer.result()
        self.silent = True
        driver_deadline.tell(
            f"NVML did not answer within {driver_deadline.limit_sec:g} s: continuing without it"
        )
        return otherwise

    def _work(self) -> None:
        while True:
            question, answer = self._questions.get()
            try:
                answer.set_result(question())
            except Exception as error:  # `ask` raises it
                answer.set_exception(error)


class TimedSensor:
    """A sensor that is read by a DriverThread."""

    def __init__(self, sensor: Sensor) -> None:
        """Wrap `sensor`."""
        self._sensor = sensor
        self._thread = DriverThread()

    def read(self) -> Reading:
        """Read the GPU now."""
        return self._thread.ask(self._sensor.read, UNREAD)

    def counters(self) -> dict[str, int]:
        """Read the error counts so far."""
        return self._thread.ask(self._sensor.counters, {})

    def slowed_sec(self) -> dict[str, float]:
        """Read how long the GPU has been slowed down so far."""
        return self._thread.ask(self._sensor.slowed_sec, {})
