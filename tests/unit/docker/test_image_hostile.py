"""docker/image_*.py with lists that no build writes, and with engines that say strange things."""

import importlib
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.image_cases import INFO, SITE, STATUS, image, stream

DOCKER = Path(__file__).parents[3] / "docker"
METADATA, RECORD = (f"{SITE}/one-1.0.dist-info/{name}" for name in ("METADATA", "RECORD"))
CUTS = "opt/venv/share/workload/cuts-cuda.json"
HOSTILE = {
    "no name": (METADATA, b"Version: 1\n"),
    "no version": (METADATA, b"Name: one\n"),
    "two columns": (RECORD, b"one.py,sha256=x\n"),
    "a blank line": (RECORD, image()[RECORD] + b"\n\n"),
    "a huge field": (RECORD, b"a" * 200_000 + b",,\n"),
    "deep JSON": (CUTS, b"[" * 100_000),
    "a huge number": (CUTS, b"[" + b"9" * 5_000 + b"]"),
    "null": (CUTS, b"null"),
    "no list of cuts": (CUTS, b'{"id": "code"}'),
    "digests that are none": (CUTS, b'[{"id": "code", "applied": true, "digests": [1]}]'),
    "a short digest": (f"{INFO}/evil.md5sums", b"\nshort\n"),
    "no path": (f"{INFO}/evil.list", b"usr/bin/evil\n"),
    "a package without a name": (STATUS, b"Status: install ok installed\nVersion: 1\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_list_that_is_not_as_its_kind_is_named(judged: Any, name: str) -> None:
    path, content = HOSTILE[name]
    finding = judged(image() | {path: content})
    assert finding.holds is False
    assert finding.words.startswith(f"unreadable: {path}")


def test_a_list_that_is_longer_than_any_is_not_read_to_its_end(
    contents: ModuleType, judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MAX_BYTES", 1_000)
    long = image()[RECORD] + b"\n" + b"one.py,,\n" * 1_000
    assert judged(image() | {RECORD: long}).words.startswith(f"unreadable: {RECORD}")
    assert judged(image()).holds


@pytest.fixture
def packages(contents: ModuleType) -> ModuleType:
    assert contents  # on the path
    return importlib.import_module("image_packages")


@pytest.mark.parametrize("name", ["no name", "no version", "a package without a name"])
def test_a_bill_is_not_made_of_what_cannot_be_read(packages: ModuleType, name: str) -> None:
    path, content = HOSTILE[name]
    with pytest.raises(ValueError, match=f"/{path} cannot be read: "):
        packages.read_packages(stream(image() | {path: content}))


def test_a_bill_is_not_made_of_a_list_that_is_too_long(
    packages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="longer than any such list"):
        packages.read_packages(stream(image()))


def engine(folder: Path, script: str) -> Path:
    """A docker command that does as it is told; the file that notes its calls."""
    command = folder / "docker"
    command.write_text(f'#!/bin/sh\necho "$*" >>{folder}/calls\n{script}\n')
    command.chmod(stat.S_IRWXU)
    return folder / "calls"


def test_a_step_of_many_lines_is_one_layer(
    contents: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert contents  # on the path
    rows = tmp_path / "rows"
    rows.write_text(
        r'{"CreatedBy": "RUN <<EOF\na\tb\nEOF # buildkit", "Size": "7"}' + "\n"
        '{"CreatedBy": "base", "Size": "5"}\n'
    )
    engine(tmp_path, f"cat {rows}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    layers = importlib.import_module("image_history").history("a")
    assert layers == [("base", 5), ("RUN <<EOF\na\tb\nEOF # buildkit", 7)]


EXPORT = """
from image_packages import exported
with exported("sha256:1") as stream:
    stream.read()
"""


def test_a_program_that_is_ended_leaves_neither_container_nor_volume(tmp_path: Path) -> None:
    calls = engine(tmp_path, "case $1 in export) exec sleep 30 ;; esac")
    environment = os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(DOCKER)}
    with subprocess.Popen([sys.executable, "-c", EXPORT], env=environment) as running:
        until = time.monotonic() + 20
        while (
            not (calls.exists() and "\nexport " in calls.read_text()) and time.monotonic() < until
        ):
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 128 + signal.SIGTERM
    create, _, remove = calls.read_text().splitlines()
    name = create.split("--name ")[1].split()[0]
    assert remove == f"rm --force --volumes {name}"
