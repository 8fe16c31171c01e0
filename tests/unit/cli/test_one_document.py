"""A document is the only text on stdout, whatever libraries and child processes print there."""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.records.synthetic import CPU, made

from workload.core import records

# A command in whose process a C library, Python, a child and the descriptor itself print.
NOISY = """
import ctypes, os, subprocess, sys
from workload.cli import main

load = main.load

def noisy(options):
    ctypes.CDLL(None).printf(b"buffered until the exit\\n")
    os.write(1, b"written\\n")
    print("printed")
    subprocess.run(["echo", "by a child"], close_fds=False)
    return load(options)

main.load = noisy
sys.exit(main.main())
"""
NOISE = ("buffered until the exit", "written", "printed", "by a child")


def noisy(*argv: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", NOISY, *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with one record."""
    records.save(made(CPU), tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "doctor --quick --device cpu --json",
        "doctor explain --json",
        "verify --device cpu --dtypes float64 --json",
        "compare {results} {results} --json",
        "compare {results} {results} --format json",
        "report {results} --json",
    ],
)
def test_json_is_one_document_and_noise_goes_to_stderr(words: str, results: Path) -> None:
    ended = noisy(*words.format(results=results).split())
    assert json.loads(ended.stdout)
    assert [line for line in NOISE if line not in ended.stderr.splitlines()] == []


@pytest.mark.parametrize(
    ("name", "first"), [("markdown", "- **baseline**"), ("html", "<!doctype html>")]
)
def test_a_formatted_comparison_is_one_document_too(name: str, first: str, results: Path) -> None:
    ended = noisy("compare", results, results, "--format", name)
    assert ended.stdout.startswith(first)
    assert [line for line in NOISE if line in ended.stdout.splitlines()] == []


def test_a_document_in_a_file_beside_a_piped_stderr(tmp_path: Path) -> None:
    path = tmp_path / "document"
    with path.open("w") as file:
        ended = subprocess.run(
            [sys.executable, "-m", "workload", "doctor", "explain", "shm", "--json"],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (0, "shm")
    assert json.loads(path.read_text())[0]["id"] == "shm"


def test_no_child_inherits_the_descriptor_of_the_document() -> None:
    code = (
        "import os; from workload.core.descriptors import reserve_stdout\n"
        "os.write(2, str(os.get_inheritable(reserve_stdout().fileno())).encode())"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.stderr == b"False"


def test_a_pipe_that_would_not_wait_gets_the_whole_document() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "workload", "doctor", "explain", "--json"]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.DEVNULL) as process:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # less than the document
        os.close(writer)
        time.sleep(1)  # it fills by then
        with os.fdopen(reader, "rb") as pipe:
            assert json.loads(pipe.read())
    assert process.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_number_of_a_closed_standard_descriptor(closed: str) -> None:
    code = (
        "import os; from workload.core.descriptors import open_standard; open_standard()\n"
        'os._exit(os.open(\\"/dev/zero\\", os.O_RDONLY))'
    )
    line = f'{sys.executable} -c "{code}" {closed}'
    assert subprocess.run(["/bin/sh", "-c", line], check=False).returncode == 3
