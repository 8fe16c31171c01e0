"""Bad input gets one clear line and its exit code; the good input beside it succeeds."""

import errno
import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.outcome import Outcome

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import run_case
from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.records import RecordBuilder, save
from workload.core.shape import Shape
from workload.core.train_spec import PRESETS
from workload.train.loop import train

SMALL = "matmul --sizes 32 --dtypes float32 --budget 0.2"
SHORT = "train --steps 3"

# command line, exit code, words that its one line must contain.
# Paths: {tmp} is an empty directory, {file} a text file, {fifo} a pipe, {record} a valid record,
# {checkpoint} a checkpoint of `train --steps 3`.
BAD = [
    ("", ExitCode.BAD_INPUT, "COMMAND"),
    ("bake", ExitCode.BAD_INPUT, "'bake'"),
    ("matmul --sizes 0", ExitCode.BAD_INPUT, "'0' is not a whole number from 1"),
    ("matmul --sizes=-5", ExitCode.BAD_INPUT, "'-5' is not a whole number from 1"),
    ("matmul --sizes 1e12", ExitCode.BAD_INPUT, "'1e12' is not a whole number"),
    ("matmul --sizes 1000000000000", ExitCode.BAD_INPUT, "from 1 to 2147483647"),
    ("matmul --sizes big", ExitCode.BAD_INPUT, "'big' is not a whole number"),
    ("matmul --sizes 4.5", ExitCode.BAD_INPUT, "'4.5' is not a whole number"),
    ("matmul --sizes 4x5", ExitCode.BAD_INPUT, "'4x5' is not a size: use 4096 or MxKxN"),
    ("matmul --sizes 4x5x6x7", ExitCode.BAD_INPUT, "use 4096 or MxKxN"),
    ("matmul --sizes 4x5x0", ExitCode.BAD_INPUT, "'0' is not a whole number"),
    (
        "matmul --sizes 32,,64",
        ExitCode.BAD_INPUT,
        "'32,,64' has an empty item: remove the extra comma",
    ),
    ("matmul --sizes 256,x", ExitCode.BAD_INPUT, "'x' is not a size: use 4096 or MxKxN"),
    ("matmul --sizes 4x5x", ExitCode.BAD_INPUT, "'4x5x' is not a size: use 4096 or MxKxN"),
    ("matmul --sizes", ExitCode.BAD_INPUT, "expected at least one argument"),
    ("matmul --sizes ٣", ExitCode.BAD_INPUT, "is not a whole number"),
    ("matmul --dtypes int8", ExitCode.BAD_INPUT, "'int8' is not a dtype: use one of float64"),
    (
        "matmul --dtypes float32,",
        ExitCode.BAD_INPUT,
        "'float32,' has an empty item: remove the extra comma",
    ),
    (
        "matmul --dtypes tf32 --sizes 32",
        ExitCode.UNFIT,
        "no case could run: choose other --dtypes or --sizes",
    ),
    (
        "matmul --device cpu --dtypes float32 --sizes 1024 --budget 1e-6",
        ExitCode.UNFIT,
        "no case could run: --budget 10 runs the shortest, or choose smaller --sizes",
    ),
    ("matmul --budget 0", ExitCode.BAD_INPUT, "'0' is not a finite number above 0"),
    ("matmul --budget=-1", ExitCode.BAD_INPUT, "'-1' is not a finite number above 0"),
    ("matmul --budget nan", ExitCode.BAD_INPUT, "'nan' is not a finite number"),
    ("matmul --budget inf", ExitCode.BAD_INPUT, "'inf' is not a finite number"),
    ("matmul --budget soon", ExitCode.BAD_INPUT, "'soon' is not a finite number"),
    ("matmul --size 32", ExitCode.BAD_INPUT, "arguments: --size 32; see `workload matmul --help`"),
    ("matmul --sizes 2000000 --dtypes float32", ExitCode.UNFIT, "is available"),
    (f"{SMALL} --device gpu", ExitCode.BAD_INPUT, "use auto, cpu, cuda or cuda:N"),
    (f"{SMALL} --device cuda:x", ExitCode.BAD_INPUT, "use auto, cpu, cuda or cuda:N"),
    (f"{SMALL} --device cpu:1", ExitCode.BAD_INPUT, "use auto, cpu, cuda or cuda:N"),
    (f"{SMALL} --device cuda:9", ExitCode.UNFIT, "cuda:9 is not usable"),
    (f"{SMALL} --device cuda:-1", ExitCode.BAD_INPUT, "use auto, cpu, cuda or cuda:N"),
    (f"{SMALL} --output ''", ExitCode.BAD_INPUT, "an empty path: choose a file or a folder"),
    ("compare '' {record}", ExitCode.BAD_INPUT, "an empty path: choose a file or a folder"),
    ("report ''", ExitCode.BAD_INPUT, "an empty path: choose a file or a folder"),
    (f"{SHORT} --checkpoint ''", ExitCode.BAD_INPUT, "an empty path: choose a file or a folder"),
    (f"{SMALL} --output {{file}}", ExitCode.NOT_SAVED, "choose a writable directory"),
    (f"{SMALL} --output {{file}}/below", ExitCode.NOT_SAVED, "choose a writable directory"),
    ("train --preset huge", ExitCode.BAD_INPUT, "invalid choice: 'huge'"),
    ("train --learning-rate nan", ExitCode.BAD_INPUT, "'nan' is not a finite number above 0"),
    ("train --learning-rate=-1e-6", ExitCode.BAD_INPUT, "not a finite number above 0"),
    ("train --learning-rate fast", ExitCode.BAD_INPUT, "'fast' is not a finite number"),
    ("train --learning-rate 1", ExitCode.WRONG_NUMBERS, "try --learning-rate 1e-06"),
    (f"{SHORT} --dtype float16", ExitCode.WRONG_NUMBERS, "beyond the range of float16"),
    ("train --dtype tf32", ExitCode.UNFIT, "choose another --dtype"),
    ("train --steps 0", ExitCode.BAD_INPUT, "'0' is not a whole number from 1"),
    ("train --steps=-3", ExitCode.BAD_INPUT, "'-3' is not a whole number from 1"),
    ("train --seed=-1", ExitCode.BAD_INPUT, "'-1' is not a whole number from 0"),
    ("train --seed 99999999999999999999", ExitCode.BAD_INPUT, "is not a whole number from 0"),
    ("train --batch-size 0", ExitCode.BAD_INPUT, "'0' is not a whole number"),
    ("train --input-size 2000000000", ExitCode.UNFIT, "choose smaller sizes"),
    ("train --hidden-size x", ExitCode.BAD_INPUT, "'x' is not a whole number"),
    ("train --mode fused --engine eager", ExitCode.BAD_INPUT, "not allowed with argument --mode"),
    ("doctor explain shm --quick", ExitCode.BAD_INPUT, "runs no checks: leave --quick out"),
    ("doctor --device cpu --budget 3 explain", ExitCode.BAD_INPUT, "leave --budget, --device out"),
    ("train --mode slow", ExitCode.BAD_INPUT, "invalid choice: 'slow'"),
    (f"{SHORT} --mode dual", ExitCode.BAD_INPUT, "add --dtype float64"),
    (f"{SHORT} --mode graph", ExitCode.UNFIT, "choose --device cuda, or --mode fused"),
    (f"{SHORT} --resume", ExitCode.BAD_INPUT, "--resume needs --checkpoint FILE"),
    (f"{SHORT} --checkpoint {{tmp}}", ExitCode.BAD_INPUT, "choose a file in an existing directory"),
    (f"{SHORT} --checkpoint {{tmp}}/none/c", ExitCode.BAD_INPUT, "choose a file in an existing"),
    (f"{SHORT} --checkpoint {{tmp}}/{'x' * 300}", ExitCode.BAD_INPUT, "File name too long"),
    (f"{SHORT} --checkpoint /dev/zero --resume", ExitCode.BAD_INPUT, "not a regular file"),
    (f"{SHORT} --checkpoint {{fifo}} --resume", ExitCode.BAD_INPUT, "not a regular file"),
    ("compare {record} {fifo}", ExitCode.BAD_INPUT, "not a regular file"),
    ("compare {record} /dev/zero", ExitCode.BAD_INPUT, "not a regular file"),
    (f"{SHORT} --checkpoint {{tmp}}/c --resume", ExitCode.BAD_INPUT, "No such file"),
    (f"{SHORT} --checkpoint {{file}} --resume", ExitCode.BAD_INPUT, "not a complete checkpoint"),
    (f"{SHORT} --checkpoint {{file}}", ExitCode.BAD_INPUT, "add --resume to continue it"),
    (f"{SHORT} --checkpoint {{checkpoint}}", ExitCode.BAD_INPUT, "add --resume to continue"),
    (
        f"{SHORT} --checkpoint {{checkpoint}} --resume --seed 1",
        ExitCode.BAD_INPUT,
        "belongs to another run (seed differ)",
    ),
    (
        "train --steps 2 --checkpoint {checkpoint} --resume",
        ExitCode.BAD_INPUT,
        "is at step 3, beyond --steps 2",
    ),
    (f"{SHORT} --checkpoint-every 0", ExitCode.BAD_INPUT, "'0' is not a whole number"),
    ("train --ranks 0", ExitCode.BAD_INPUT, "'0' is not a whole number from 1 to 256"),
    ("train --ranks 2 --mode fused", ExitCode.BAD_INPUT, "choose all-reduce or ddp"),
    ("train --ranks 2 --nodes 2", ExitCode.BAD_INPUT, "needs --rendezvous HOST:PORT"),
    ("train --ranks 2 --rendezvous a", ExitCode.BAD_INPUT, "'a' is not an address: use HOST:PORT"),
    ("train --ranks 2 --rendezvous a:0", ExitCode.BAD_INPUT, "'a:0' is not an address"),
    ("train --rendezvous a:1", ExitCode.BAD_INPUT, "--rendezvous needs --ranks N"),
    ("train --max-restarts 3", ExitCode.BAD_INPUT, "--max-restarts needs --ranks N"),
    ("train --ranks 2 --checkpoint {file}", ExitCode.BAD_INPUT, "add --resume to continue it"),
    (f"{SHORT} --mode ddp", ExitCode.BAD_INPUT, "this mode is for several ranks: add --ranks N"),
    (f"{SHORT} --scaling", ExitCode.BAD_INPUT, "--scaling is for several ranks: add --ranks N"),
    ("verify --dtypes int4", ExitCode.BAD_INPUT, "'int4' is not a dtype"),
    ("verify --device cuda", ExitCode.UNFIT, "device cuda is not usable"),
    ("compare {record}", ExitCode.BAD_INPUT, "required: CANDIDATE;"),
    ("compare {record} {tmp}/none.json", ExitCode.BAD_INPUT, "No such file"),
    ("compare {record} {tmp}", ExitCode.BAD_INPUT, "contains no .json file"),
    ("compare {record} {file}", ExitCode.BAD_INPUT, "is not JSON"),
    ("compare {checkpoint} {record}", ExitCode.BAD_INPUT, "is not JSON"),
    ("report {record}", ExitCode.BAD_INPUT, "is not a folder"),
    ("report {fifo}", ExitCode.BAD_INPUT, "is not a folder"),
]

GOOD = [
    "--help",
    "--version",
    "matmul --help",
    SMALL,
    "matmul --sizes 4x5x6 --dtypes float64 --budget 0.2",
    "matmul --sizes 32,48 64 --dtypes float32,bfloat16 --budget 0.5",
    "matmul --sizes 32 --dtypes float32 float32 tf32 --budget 2e-1",
    f"{SMALL} --device cpu",
    f"{SMALL} --device auto",
    f"{SMALL} --output {{tmp}}",
    f"{SMALL} --output {{tmp}}/new/below",
    SHORT,
    f"{SHORT} --preset wide",
    f"{SHORT} --learning-rate 1e-6",
    f"{SHORT} --dtype float64",
    f"{SHORT} --mode fused",
    f"{SHORT} --mode auto",
    f"{SHORT} --mode dual --dtype float64",
    f"{SHORT} --seed 9223372036854775807",
    f"{SHORT} --batch-size 1 --hidden-size 1 --output-size 1 --input-size 1",
    f"{SHORT} --checkpoint {{tmp}}/c",
    f"{SHORT} --checkpoint {{checkpoint}} --resume",
    "train --steps 9 --checkpoint {checkpoint} --resume",
    f"{SHORT} --checkpoint {{tmp}}/c --checkpoint-every 1",
    "verify --dtypes float64 --device cpu",
    "compare {record} {record}",
]


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
