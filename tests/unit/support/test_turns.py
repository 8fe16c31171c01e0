"""Two sides take turns, A B B A, and no wait is unlimited."""

import threading
from pathlib import Path

import pytest
from support.benchmarks import turns
from support.benchmarks.turns import Turns


def take(mine: Turns, name: str, count: int, log: list[str]) -> None:
    for _ in range(count):
        with mine.taken():
            log.append(name)
    mine.finish()


def test_two_sides_go_first_by_turns(tmp_path: Path) -> None:
    log: list[str] = []
    threads = [
        threading.Thread(target=take, args=(Turns(tmp_path, name), name, 4, log)) for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert "".join(log) == "abbaabba"


def test_a_side_that_has_finished_is_not_waited_for(tmp_path: Path) -> None:
    log: list[str] = []
    Turns(tmp_path, "a").finish()
    take(Turns(tmp_path, "b"), "b", 3, log)
    assert log == ["b"] * 3


def test_a_side_that_failed_within_its_turn_hands_over(tmp_path: Path) -> None:
    a = Turns(tmp_path, "a")
    with pytest.raises(ValueError, match="its own"), a.taken():
        raise ValueError("its own")
    with Turns(tmp_path, "b").taken():
        pass


def test_a_side_that_never_hands_over_ends_the_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SEC", 0.05)
    b = Turns(tmp_path, "b")
    with pytest.raises(TimeoutError, match="the other side did not take turn 1"), b.taken():
        pass
