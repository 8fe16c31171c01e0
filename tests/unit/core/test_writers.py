"""Files are whole or absent: on a full disk, when killed, in parallel, in a removed folder."""

import ast
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeGuard

import pytest
from support import brief_limits
from support.processes import wait_until
from support.records.synthetic import CPU, made

import workload as package
from workload.compare.loader import load_side
from workload.core import records
from workload.core.errors import BadInputError

KILLS, MANY_KILLS = 10, 60
PROCESSES, MANY_PROCESSES = 8, 20
SMALLEST_FILE = 512  # bytes; whatever is written here is larger

# Two alternating contents with different first bytes, large enough to take a while to write.
KEEP_WRITING = """
import itertools, sys
from pathlib import Path
from workload.core.files import write_atomically
path = Path(sys.argv[1])
print("ready", flush=True)
for content in itertools.cycle((b"a", b"b")):
    write_atomically(path, content * 3_000_000)
"""


def command(*words: object) -> list[str]:
    brief = [brief_limits.__file__] if words[0] == "train" else ["-m", "workload"]
    return [sys.executable, *brief, *map(str, words)]


def on_a_full_disk(*words: object) -> subprocess.CompletedProcess[str]:
    """The command where no file can grow: the kernel itself refuses, in the middle of a write."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALLEST_FILE, SMALLEST_FILE))

    return subprocess.run(
        command(*words),
        preexec_fn=limit,  # nothing else runs between fork and exec
        # Python would keep the first 512 bytes of a module's bytecode, and later fail to import it.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def results(tmp_path: Path) -> Path:
    records.save(made(CPU), tmp_path / "results")
    return tmp_path / "results"


WRITERS: dict[str, Callable[[Path], tuple[object, ...]]] = {
    "record": lambda results: ("doctor", "--quick", "--device", "cpu", "--output", results),
    "bundle": lambda results: (
        *("doctor", "--quick", "--device", "cpu", "--bundle", results / "all.tar.gz"),
    ),
    "report": lambda results: ("report", results),
    "checkpoint": lambda results: ("train", "--steps", 100, "--checkpoint", results / "state"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_takes_nothing_and_leaves_nothing(writer: str, results: Path) -> None:
    before = {path: path.read_bytes() for path in results.iterdir()}
    ended = on_a_full_disk(*WRITERS[writer](results))
    assert ended.returncode == 6, ended.stderr
    told = [line for line in ended.stderr.splitlines() if "File too large" in line]
    assert len(told) == 1
    assert "Traceback" not in ended.stderr
    assert {path: path.read_bytes() for path in results.iterdir()} == before


def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new(
    tmp_path: Path, nightly: bool
) -> None:
    path, moments = tmp_path / "a.json", random.Random(0)
    seen: set[bytes] = set()
    for kill in range(MANY_KILLS):
        if kill >= KILLS and len(seen) == 2 and not nightly:
            break
        with subprocess.Popen(
            [sys.executable, "-c", KEEP_WRITING, str(path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            wait_until(writer, path.exists)
            time.sleep(moments.uniform(0, 0.05))
            writer.kill()
        content = path.read_bytes()
        assert content in {letter * 3_000_000 for letter in (b"a", b"b")}
        seen.add(content[:1])
        for left in tmp_path.glob(".workload-*.tmp"):  # the killed writer could not remove it
            left.unlink()
        assert list(tmp_path.iterdir()) == [path]
    assert seen == {b"a", b"b"}  # kills came at different moments


def test_what_a_killed_writer_left_is_no_record(results: Path) -> None:
    (path,) = results.iterdir()
    content = path.read_bytes()
    path.unlink()
    (results / ".workload-0123456789abcdef.tmp").write_bytes(content)
    readers: tuple[Callable[[Path], object], ...] = (load_side, report_of)
    for read in readers:
        with pytest.raises(BadInputError):
            read(results)


def report_of(results: Path) -> object:
    from workload.report.page import load_results  # noqa: PLC0415  beside its only use

    return load_results(results)


def test_many_processes_write_into_one_folder_without_meeting(
    tmp_path: Path, nightly: bool
) -> None:
    words = command(*WRITERS["record"](tmp_path))
    count = MANY_PROCESSES if nightly else PROCESSES
    running = [
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    for process in running:
        process.wait(timeout=120)
    found = list(tmp_path.iterdir())
    assert len(found) == count
    assert {records.load(path).kind for path in found} == {"doctor"}


@pytest.mark.parametrize(("lost", "steps", "code"), [("checkpoint", 2000, 6), ("output", 200, 0)])
def test_a_folder_that_vanishes_in_the_middle_costs_no_losses(
    lost: str, steps: int, code: int, tmp_path: Path
) -> None:
    folders = {name: tmp_path / name for name in ("checkpoint", "output")}
    for folder in folders.values():
        folder.mkdir()
    state = folders["checkpoint"] / "state"
    words = command(
        *("train", "--steps", steps, "--checkpoint", state, "--checkpoint-every", 100),
        *("--output", folders["output"], "--device", "cpu"),
    )
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        wait_until(running, state.exists)
        shutil.rmtree(folders[lost])
        _, stderr = running.communicate(timeout=120)
    assert running.returncode == code
    assert stderr.count("\n") == bool(code)
    (path,) = folders["output"].iterdir()
    (training,) = records.load(path).train or ()
    assert training.losses


def test_nothing_but_files_py_writes_files() -> None:
    """All of the above is tested of one function; another that writes would escape it."""
    for path in Path(package.__file__).parent.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if is_write(node)]
        # The bundle's archive is made in memory, and descriptors.py opens none but stdout.
        known = ("files.py", "bundle.py", "descriptors.py")
        assert not calls or path.name in known, f"{path}:{calls[0].lineno}"


def is_write(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether this is a call that makes a file, by its name or its mode."""
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name in ("write_text", "write_bytes", "touch", "NamedTemporaryFile", "mkstemp"):
        return True
    given = (*node.args[1:], *(keyword.value for keyword in node.keywords))
    modes = [str(one.value) for one in given if isinstance(one, ast.Constant)]
    return name in ("open", "fdopen") and any(mode.startswith(tuple("wax")) for mode in modes)
