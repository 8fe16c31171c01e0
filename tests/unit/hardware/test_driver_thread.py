"""What is asked in this process may hang: it is asked once, and no more."""

import threading
from collections.abc import Iterator

import pytest

from workload.hardware import driver_thread
from workload.hardware.driver_thread import UNREAD, DriverThread, TimedSensor
from workload.hardware.sensors import Reading


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user is told; the limit is short."""
    lines: list[str] = []
    monkeypatch.setattr(driver_thread.driver_deadline, "limit_sec", 0.2)
    monkeypatch.setattr(driver_thread.driver_deadline, "tell", lines.append)
    return lines


@pytest.fixture
def forever() -> Iterator[threading.Event]:
    """An event that comes after the test."""
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_is_returned(told: list[str]) -> None:
    assert (DriverThread().ask(lambda: 42, 0), told) == (42, [])


def test_an_error_is_raised_where_it_was_asked() -> None:
    def fails() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        DriverThread().ask(fails, 0)


def test_a_time_limit_within_a_question_is_an_error_of_it(told: list[str]) -> None:
    def fails() -> int:
        raise TimeoutError("no connection")

    thread = DriverThread()
    with pytest.raises(TimeoutError, match="no connection"):
        thread.ask(fails, 0)
    assert (thread.ask(lambda: 42, 0), told) == (42, [])


def test_a_question_that_hangs_is_the_last(told: list[str], forever: threading.Event) -> None:
    thread = DriverThread()
    assert thread.ask(forever.wait, False) is False
    assert thread.ask(lambda: True, False) is False
    assert told == ["NVML did not answer within 0.2 s: continuing without it"]


class Hanging:
    """A sensor whose driver stops answering after the error counts."""

    def __init__(self, forever: threading.Event) -> None:
        self._forever = forever

    def read(self) -> Reading:
        self._forever.wait()
        raise AssertionError("after the test")

    def counters(self) -> dict[str, int]:
        return {"PCIe replays": 1}

    def slowed_sec(self) -> dict[str, float]:
        return {"power brake slowdown": 1.0}


@pytest.mark.usefixtures("told")
def test_a_sensor_that_hangs_is_unknown_from_then_on(forever: threading.Event) -> None:
    sensor = TimedSensor(Hanging(forever))
    assert sensor.counters() == {"PCIe replays": 1}
    assert sensor.read() == UNREAD
    assert (sensor.counters(), sensor.slowed_sec()) == ({}, {})
