"""docker/start_times.py: the table of starts, and images that do not start, with a stub engine."""

import importlib
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

DOCKER = Path(__file__).parents[3] / "docker"
WORDS = ("-c", "print('ready')")


@pytest.fixture
def start_times(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCKER)
    return importlib.import_module("start_times")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A docker command that does as it is told; the file that notes its calls."""

    def install(script: str) -> Path:
        command = tmp_path / "docker"
        command.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n{script}\n')
        command.chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return tmp_path / "calls"

    return install


def test_a_row_has_the_size_and_the_median_of_each_command(start_times: ModuleType) -> None:
    times = {("a", "torch ready"): [1.0, 9.0, 2.004], ("a", "python alone"): [0.2, 0.3, 0.1]}
    assert start_times.table({"a": 549_400_000}, times) == [
        "| image | MB without its base | python alone s | torch ready s |",
        "| --- | --- | --- | --- |",
        "| a | 549 | 0.20 | 2.00 |",
    ]


def test_a_size_that_nothing_tells_is_unknown_and_not_nothing(start_times: ModuleType) -> None:
    times = {("a", "torch ready"): [1.0], ("a", "python alone"): [0.2]}
    assert start_times.table({"a": None}, times)[-1] == "| a | unknown | 0.20 | 1.00 |"


def test_the_first_start_does_not_count_and_the_images_take_turns(
    start_times: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def start_sec(image: str, words: tuple[str, ...]) -> float:
        assert words
        started.append(image)
        return float(len(started))

    monkeypatch.setattr(start_times, "start_sec", start_sec)
    times = start_times.measured(["a", "b"], 2)
    assert started == ["a", "a", "b", "b"] * 3
    assert times["a", "python alone"] == [5.0, 9.0]


def test_a_container_that_prints_its_line_is_timed(
    start_times: ModuleType, engine: Callable[[str], Path]
) -> None:
    calls = engine("echo ready")
    assert 0 < start_times.start_sec("a", WORDS) < 10
    assert " --read-only " in calls.read_text()


def test_a_container_that_ends_without_its_line_ends_the_program_with_4(
    start_times: ModuleType, engine: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    engine("exit 125")
    with pytest.raises(SystemExit) as ended:
        start_times.start_sec("a", WORDS)
    assert ended.value.code == 4
    assert capsys.readouterr().err == "start-times: a did not start, exit code 125\n"


@pytest.mark.parametrize("says", ["", "echo ready; "], ids=["silent", "does not end"])
def test_a_container_that_hangs_is_removed_after_a_while(
    says: str,
    start_times: ModuleType,
    engine: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = engine(f"case $1 in run) {says}exec sleep 30 ;; esac")
    with pytest.raises(SystemExit) as ended:
        start_times.start_sec("a", WORDS, limit_sec=0.3)
    run, remove = calls.read_text().splitlines()
    name = run.split("--name ")[1].split()[0]
    assert (ended.value.code, remove) == (4, f"rm --force {name}")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "1.5", "²"])
def test_runs_that_cannot_be_are_refused_in_one_line(
    text: str, start_times: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        start_times.asked_runs(text)
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"start-times: RUNS={text} is no number of starts: give one from 1 to 9999\n"
    )
