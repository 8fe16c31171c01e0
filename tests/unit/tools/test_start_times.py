"""tests/tools/start_times.py times every image and program."""

from pathlib import Path

import pytest
from tools import start_times


def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a docker command on PATH; return the file of its calls."""
    command = tmp_path / "docker"
    command.write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/calls\n{script}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "calls"


def test_images_take_turns_and_the_first_start_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []

    def start_sec(image: str, _program: str) -> float:
        started.append(image)
        return float(len(started))

    monkeypatch.setattr(start_times, "start_sec", start_sec)
    last = start_times.table(["a", "b"], 2).splitlines()[-1]
    assert started == ["a", "a", "b", "b"] * 3
    assert last == "| b | 9.00 | 10.00 |"


@pytest.mark.parametrize(
    "script", ["exit 125", "echo ready; exit 1", "[ $1 = rm ] || exec sleep 9"]
)
def test_an_image_that_does_not_start_is_an_error_and_leaves_no_container(
    script: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = engine(tmp_path, monkeypatch, script)
    with pytest.raises(SystemExit) as ended:
        start_times.start_sec("a", "program", limit_sec=0.5)
    assert ended.value.code == 4
    assert capsys.readouterr().err.startswith("start-times: a does not start, exit code ")
    assert calls.read_text().split() == ["run", "rm"]
