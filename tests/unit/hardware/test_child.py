"""A process that asks a library: it may hang, end, or be held by the kernel."""

import sys
import time

import pytest

from workload.hardware import child as child_module
from workload.hardware.child import Child, EndedError, HungError


def running(code: str) -> Child:
    return Child((sys.executable, "-c", code))


def test_what_follows_the_prefix_is_the_answer() -> None:
    child = running("print('noise'); print('answer: 42', flush=True); input()")
    assert child.answer("answer: ", 30) == "42"
    child.close()


def test_a_process_that_ends_without_an_answer_says_how() -> None:
    with pytest.raises(EndedError, match=r"^exited with code 7$"):
        running("raise SystemExit(7)").answer("answer: ", 30)


def test_a_signal_that_ends_it_has_its_name() -> None:
    with pytest.raises(EndedError, match=r"^ended by SIGABRT$") as caught:
        running("import os; os.abort()").answer("answer: ", 30)
    assert caught.value.signal == "SIGABRT"


def test_a_process_that_hangs_is_killed_after_the_limit() -> None:
    child = running("import time; time.sleep(60)")
    with pytest.raises(HungError, match=r"^did not answer within 0\.5 s$"):
        child.answer("answer: ", 0.5)
    assert child.close() == -9


def test_a_long_wait_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "PROGRESS_SEC", 0.1)
    told: list[None] = []
    child = running("import time; time.sleep(60)")
    with pytest.raises(HungError):
        child.answer("answer: ", 1, lambda: told.append(None))
    child.close()
    assert len(told) == 1


def test_a_process_that_ended_is_noticed_though_another_holds_its_output() -> None:
    holder = "import subprocess; subprocess.Popen(['sleep', '30'])"
    started = time.monotonic()
    with pytest.raises(EndedError, match="exited with code 0"):
        running(holder).answer("answer: ", 30)
    assert time.monotonic() - started < 20


def test_a_process_that_cannot_be_killed_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one in the kernel, state D, which no signal ends."""
    child = running("import time; time.sleep(60)")
    monkeypatch.setattr(child_module, "KILL_SEC", 0.2)
    monkeypatch.setattr(child_module.os, "killpg", lambda *_: None)
    with pytest.raises(HungError):
        child.answer("answer: ", 0.3)
    assert child.close() == -9
    monkeypatch.undo()
    child.kill()  # what the test left


def test_all_that_it_prints_is_its_output() -> None:
    child = Child(
        (sys.executable, "-c", "import sys; print('a', flush=True); print('b', file=sys.stderr)"),
        with_errors=True,
    )
    assert child.output(30) == "a\nb\n"
    child.close()


def test_closing_its_input_ends_it() -> None:
    assert running("input()").close() == 1  # EOFError
