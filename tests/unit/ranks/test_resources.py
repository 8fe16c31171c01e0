"""Ranks are started where there are memory and open files for them."""

import resource
from pathlib import Path
from types import SimpleNamespace

import pytest

from workload.cli.main import main
from workload.core.errors import ExitCode
from workload.ranks import resources

REFUSED = "99 ranks need 29.7 GB of memory, 24 GB is available: choose fewer --ranks"


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = SimpleNamespace(available_bytes=24_000_000_000)
    monkeypatch.setattr(resources, "read_limits", lambda: limits)


@pytest.mark.parametrize("command", ["train", "collectives"])
def test_more_ranks_than_fit_into_memory_are_not_started(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--ranks", "99", "--device", "cpu"]) == ExitCode.UNFIT
    assert capsys.readouterr().err == f"workload {command}: {REFUSED}\n"


def allow_files(files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this many files be open."""
    others = resource.getrlimit
    monkeypatch.setattr(
        resource,
        "getrlimit",
        lambda kind: (files, files) if kind == resource.RLIMIT_NOFILE else others(kind),
    )


@pytest.mark.parametrize("command", ["train", "run"])
def test_more_ranks_than_may_have_their_files_open_are_not_started(
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    allow_files(67, monkeypatch)
    words = [command, "--ranks", "2", "--device", "cpu", "--output", str(tmp_path)]
    assert main(words) == ExitCode.UNFIT
    assert capsys.readouterr().err == (
        f"workload {command}: 2 ranks need 68 open files, 67 are allowed: raise the limit of open "
        "files: ulimit -n 1024\n"
    )


@pytest.mark.parametrize("files", [1024, resource.RLIM_INFINITY])
def test_ranks_that_fit_are_accepted(files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    allow_files(files, monkeypatch)
    resources.require_resources(80)
