"""A GPU that does not answer during its work ends the command; one that answers does not."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from workload.core.errors import LostDeviceError
from workload.hardware import watchdog as watchdog_module
from workload.hardware.watchdog import Watchdog

LIMIT_SEC = 0.2


class Watched:
    """A watchdog with a short limit, and the error that it ended with."""

    def __init__(self) -> None:
        self.watchdog = Watchdog()
        self.watchdog.on_silence = self._end
        self.error: LostDeviceError | None = None
        self._ended = threading.Event()

    def _end(self, error: LostDeviceError) -> None:
        self.error = error
        self._ended.set()

    def ended(self, within_sec: float) -> bool:
        return self._ended.wait(within_sec)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(watchdog_module.driver_deadline, "limit_sec", LIMIT_SEC)
    monkeypatch.setattr(watchdog_module, "POLL_SEC", 0.01)
    watched = Watched()
    yield watched
    watched.watchdog.on_silence = None


def test_a_gpu_that_does_not_answer_is_lost(watched: Watched) -> None:
    with watched.watchdog.working("cuda:1"):
        assert watched.ended(within_sec=20)
    assert str(watched.error) == (
        "cuda:1 was lost (no answer within 0.2 s): see the kernel's log for its Xid, then "
        "reset the GPU or restart its host, or wait longer with --driver-timeout"
    )


def test_each_answer_restarts_the_time(watched: Watched) -> None:
    with watched.watchdog.working("cuda:0", busy_sec=20):
        started = watched.watchdog._work
        assert started is not None
        started.since -= 20 + LIMIT_SEC / 2
        watched.watchdog.answered()
        assert not watched.ended(within_sec=2 * LIMIT_SEC)


def test_long_work_may_take_its_time(watched: Watched) -> None:
    with watched.watchdog.working("cuda:0", busy_sec=60):
        assert not watched.ended(within_sec=3 * LIMIT_SEC)


def test_nothing_is_expected_outside_the_work(watched: Watched) -> None:
    with watched.watchdog.working("cuda:0"):
        pass
    assert not watched.ended(within_sec=3 * LIMIT_SEC)


def test_nothing_is_expected_while_the_host_works(watched: Watched) -> None:
    with watched.watchdog.working("cuda:0"), watched.watchdog.paused():
        assert not watched.ended(within_sec=3 * LIMIT_SEC)


def test_work_goes_on_after_work_inside_it(watched: Watched) -> None:
    with watched.watchdog.working("cuda:0"):
        with watched.watchdog.working("cuda:0"):
            pass
        assert watched.ended(within_sec=20)


def test_a_cpu_is_not_watched(watched: Watched) -> None:
    with watched.watchdog.working("cpu"):
        assert not watched.ended(within_sec=3 * LIMIT_SEC)


# A command whose GPU does not answer a call that keeps Python's lock, so that no thread runs.
KEEPS_THE_LOCK = """
import ctypes, os, sys
from workload.hardware.alarm import Alarm
from workload.hardware.watchdog import driver_deadline, watchdog

def end(error):
    print(error, flush=True)
    os._exit(4)

reader, writer = os.pipe()
os.write(writer, sys.argv[1].encode())
watchdog.on_silence, watchdog.alarm = end, Alarm(watchdog.ring)
driver_deadline.limit_sec = {limit}
with watchdog.working("cuda:0"):
    {before}
    ctypes.PyDLL(None).read(reader, ctypes.create_string_buffer(1), 1)
print(ctypes.PyDLL(None).sleep(4), "seconds were left")
"""


@pytest.mark.parametrize(
    ("limit", "before"),
    [
        ("0.5", "pass"),
        ("0.5", "import time; time.sleep(0.2); watchdog.answered()"),
        # The alarm that was set before this answer rings too early.
        ("3", "import time; time.sleep(2.7); watchdog.answered()"),
    ],
)
def test_a_call_that_keeps_the_lock_of_python_has_the_same_end(limit: str, before: str) -> None:
    script = KEEPS_THE_LOCK.format(limit=limit, before=before)
    command = [sys.executable, "-c", script, ""]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.stdout.startswith(f"cuda:0 was lost (no answer within {limit} s): ")
    assert (ended.returncode, ended.stderr) == (4, "")


def test_nothing_that_follows_the_work_is_interrupted() -> None:
    command = [sys.executable, "-c", KEEPS_THE_LOCK.format(limit="0.5", before="pass"), "answer"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "0 seconds were left\n"), ended.stderr


def test_without_a_command_nothing_is_watched() -> None:
    before = threading.active_count()
    with Watchdog().working("cuda:0"):
        assert threading.active_count() == before
