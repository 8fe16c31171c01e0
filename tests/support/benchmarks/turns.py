"""Let two processes measure in turns, case by case: A B B A.

Changes of the machine within minutes, such as the load of other guests, then affect both sides
alike, and cancels in their ratio. How often a side has measured is the size of its file in a
shared folder: appending a byte is atomic, and no lock outlives a process that was killed.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIDES = ("a", "b")
POLL_SEC = 0.002
PATIENCE_SEC = 120.0  # no case takes this long
FINISHED = 1 << 30  # more turns than anyone takes


class Turns:
    """One side of two, `side` is "a" or "b"."""

    def __init__(self, folder: Path, side: str) -> None:
        """`folder` is shared by both and new for each pair of processes."""
        folder.mkdir(parents=True, exist_ok=True)
        (other,) = set(SIDES) - {side}
        self._side = side
        self._mine, self._other = folder / side, folder / other
        self._taken = 0
        self._alone = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for this side's next turn, and hand over afterwards.

        Raises TimeoutError if the other side does not hand over within PATIENCE_SEC.
        """
        self._wait()
        try:
            yield
        finally:
            self._taken += 1
            with self._mine.open("ab") as file:
                file.write(b".")

    def finish(self) -> None:
        """Let the other side go on alone."""
        self._mine.touch()
        os.truncate(self._mine, FINISHED)

    def _wait(self) -> None:
        first = SIDES[self._taken % 2] == self._side
        needed = self._taken if first else self._taken + 1
        deadline = time.monotonic() + (0 if self._alone else PATIENCE_SEC)
        while _size(self._other) < needed:
            if time.monotonic() > deadline:
                self._alone = True  # and waits no more
                raise TimeoutError(
                    f"the other side did not take turn {needed} within {PATIENCE_SEC:g} s"
                )
            time.sleep(POLL_SEC)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
