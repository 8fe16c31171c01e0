"""Connect in short attempts: where it is refused, torch 2.13's client takes twice its limit."""

import time
from collections.abc import Callable
from typing import TypeVar

Connection = TypeVar("Connection")

ATTEMPT_SEC, PAUSE_SEC = 5, 0.2


def connect_within(
    limit_sec: float, connect: Callable[[], Connection], *refusals: type[Exception]
) -> Connection:
    """Call `connect` until it does not raise one of `refusals`; raise the last after the limit.

    An attempt is to take ATTEMPT_SEC at most, or twice that where it is refused.
    """
    end_sec = time.monotonic() + limit_sec
    while True:
        try:
            return connect()
        except refusals:
            if time.monotonic() > end_sec:
                raise
        time.sleep(PAUSE_SEC)
