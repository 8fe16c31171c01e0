"""A clock that replays measured times.

pytest-benchmark reads its timer before and after a round and keeps the difference. With this
clock as the timer and `next_sample` as the function under test, a round takes exactly as long
as the next sample says, so its statistics are those of the protocol's own samples.
"""

from collections.abc import Sequence
from typing import Any


class VirtualClock:
    """Advances by one sample at each `next_sample`."""

    __name__ = "protocol"  # of the timer, in the JSON's options

    def __init__(self) -> None:
        self._now_sec = 0.0
        self._left: list[float] = []

    def __call__(self) -> float:
        """Seconds since the round began."""
        return self._now_sec

    def rewind(self) -> None:
        """A round begins. At zero, so that the difference of two readings is exact."""
        self._now_sec = 0.0

    def next_sample(self) -> None:
        """Let as many seconds pass as the next sample took."""
        self._now_sec += self._left.pop(0)

    def play(self, samples_sec: Sequence[float], benchmark: Any) -> None:
        """Replay the samples, one a round: a single iteration needs no calibration."""
        self._left = list(samples_sec)
        benchmark.pedantic(
            self.next_sample, setup=self.rewind, rounds=len(samples_sec), iterations=1
        )


clock = VirtualClock()
