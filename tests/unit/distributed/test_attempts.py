"""A connection is tried until a limit."""

from collections.abc import Callable
from itertools import repeat

import pytest

from workload.distributed import attempts
from workload.distributed.attempts import connect_within


def refused(times: int) -> Callable[[], str]:
    """What is refused this often."""
    answers = repeat(ConnectionError("refused"), times)

    def connect() -> str:
        for error in answers:
            raise error
        return "connected"

    return connect


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(attempts, "PAUSE_SEC", 0)


def test_what_is_refused_at_first_is_tried_again() -> None:
    assert connect_within(60, refused(3), ConnectionError) == "connected"


def test_the_last_refusal_is_raised_after_the_limit() -> None:
    with pytest.raises(ConnectionError, match="refused"):
        connect_within(0, refused(10**6), ConnectionError)


def test_another_error_is_raised_at_once() -> None:
    with pytest.raises(ConnectionError, match="refused"):
        connect_within(60, refused(1), TimeoutError)
