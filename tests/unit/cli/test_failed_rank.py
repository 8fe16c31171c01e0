"""A rank that failed ends without Python's cleanup, in which threads of gloo may abort it."""

import os
from collections.abc import Callable

import pytest
from support.outcome import Outcome

from workload.cli import launching
from workload.cli.commands import train
from workload.core.errors import ExitCode, WrongNumbersError
from workload.distributed.environment import Place


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the process be rank 0 of two, and collect the codes with which it would end at once."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    place = Place(0, 2, 0, 2, "127.0.0.1", 29500, "torchrun")
    monkeypatch.setattr(launching, "enter", lambda *_: place)
    return codes


def test_a_rank_that_failed_ends_at_once(
    ended: list[int], monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    def fail(*_: object, **__: object) -> ExitCode:
        raise WrongNumbersError("mode ddp computes wrong numbers here")

    monkeypatch.setattr(train, "command", fail)
    outcome = workload("train")
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert ended == [3]
    assert "mode ddp computes wrong numbers here" in outcome.stderr


def test_a_rank_without_a_failure_ends_as_python_does(
    ended: list[int], monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr(train, "command", lambda *_, **__: ExitCode.OK)
    assert workload("train").code == ExitCode.OK
    assert ended == []
