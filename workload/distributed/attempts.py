"""Connect in short attempts: in torch 2.13, a refused connection takes twice its time limit."""

import time
from collections.abc import Callable
from typing import TypeVar

Connection = TypeVar("Connection")

ATTEMPT_SEC, PAUSE_SEC = 5, 0.2


def connect_within(
    limit_sec: float, connect: Callable[[], Connection], *refusals: type[Exception]
) -> Connection:
    """Call `connect` until it raises none of `refusals`, and return its result.

    After the limit, raise the last refusal. An attempt should take at most ATTEMPT_SEC, or twice
    that if it is refused.
    """
    end_sec = time.monotonic() + limit_sec
    while True:
        try:
            return connect()
        except refusals:
            if time.monotonic() > end_sec:
                raise
        time.sleep(PAUSE_SEC)
