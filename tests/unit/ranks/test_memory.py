"""Ranks are started where there is memory for them."""

from types import SimpleNamespace

import pytest

from workload.cli.main import main
from workload.core.errors import ExitCode
from workload.ranks import memory

REFUSED = "99 ranks need 29.7 GB of memory, 24 GB is available: choose fewer --ranks"


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = SimpleNamespace(available_bytes=24_000_000_000)
    monkeypatch.setattr(memory, "read_limits", lambda: limits)


@pytest.mark.parametrize("command", ["train", "collectives"])
def test_more_ranks_than_fit_into_memory_are_not_started(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--ranks", "99", "--device", "cpu"]) == ExitCode.UNFIT
    assert capsys.readouterr().err == f"workload {command}: {REFUSED}\n"


def test_ranks_that_fit_are_accepted() -> None:
    memory.require_memory(80)
