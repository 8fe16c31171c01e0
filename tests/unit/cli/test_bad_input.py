"""Bad input gets one clear line and its exit code; the good input beside it succeeds."""

import errno
import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.command_lines import BAD, GOOD
from support.outcome import Outcome

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import run_case
from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.records import RecordBuilder, save
from workload.core.shape import Shape
from workload.core.train_spec import PRESETS
from workload.train.loop import train


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory, cpu: DeviceInfo) -> dict[str, bytes]:
    """A checkpoint and a record, made once."""
    directory = tmp_path_factory.mktemp("templates")
    train(replace(PRESETS["book"], steps=3), cpu, checkpoint_path=directory / "checkpoint")
    builder = RecordBuilder("matmul", [])
    builder.set("device", cpu)
    builder.set("cases", [run_case(MatMul(Shape(32, 32, 32), "float32"), cpu, 0.2)])
    record = save(builder.as_ended(ExitCode.OK, None), directory)
    return {
        "checkpoint": (directory / "checkpoint").read_bytes(),
        "record": record.read_bytes(),
        "file": b"not what you look for\n",
    }


@pytest.fixture
def places(tmp_path: Path, templates: dict[str, bytes]) -> dict[str, Path]:
    """The files that the command lines name, fresh for each test."""
    paths = {name: tmp_path / name for name in templates}
    for name, content in templates.items():
        paths[name].write_bytes(content)
    empty = tmp_path / "empty"
    empty.mkdir()
    os.mkfifo(tmp_path / "fifo")
    return {"tmp": empty, "fifo": tmp_path / "fifo", **paths}


@pytest.mark.parametrize(("line", "code", "words"), BAD)
def test_bad_input_gets_one_clear_line_and_its_code(
    line: str,
    code: ExitCode,
    words: str,
    places: dict[str, Path],
    workload: Callable[..., Outcome],
) -> None:
    outcome = workload(*shlex.split(line.format(**places)))
    assert outcome.code == code
    assert words in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert outcome.stderr.startswith("workload")
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("line", [case[0] for case in BAD if "--checkpoint " in case[0]])
def test_a_refused_checkpoint_is_refused_before_a_device_is_told(
    line: str, places: dict[str, Path], workload: Callable[..., Outcome]
) -> None:
    assert workload(*shlex.split(line.format(**places))).stdout == ""


@pytest.mark.parametrize("line", GOOD)
def test_the_good_twin_succeeds_in_silence(
    line: str, places: dict[str, Path], workload: Callable[..., Outcome]
) -> None:
    outcome = workload(*shlex.split(line.format(**places)))
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    assert outcome.stdout


@pytest.mark.parametrize("line", [case[0] for case in BAD if "{file}" in case[0]])
def test_bad_input_leaves_the_files_it_names_untouched(
    line: str, places: dict[str, Path], workload: Callable[..., Outcome]
) -> None:
    before = places["file"].read_bytes()
    workload(*shlex.split(line.format(**places)))
    assert places["file"].read_bytes() == before


@pytest.mark.parametrize("command", ["report", "compare"])
def test_a_folder_that_cannot_be_read_is_not_called_empty(
    command: str, tmp_path: Path, workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: object) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    outcome = workload(command, *[tmp_path] * (2 if command == "compare" else 1))
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr == (
        f"workload {command}: {tmp_path} cannot be read: Permission denied; check the path\n"
    )
