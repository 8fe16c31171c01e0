"""docker/host/make-venv twice at once, killed and interrupted: docker/host/venv-lock."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

# An environment takes until the file `go` exists to be installed.
PYTHON = """
case "$*" in
  *version_info*) echo 3.11 ;;
  "-m venv "*)
    mkdir -p "$3/bin"
    {
      echo '#!/bin/sh'
      echo 'case "$*" in *install*) until [ -e go ]; do sleep 0.1 || exit; done ;; esac'
    } >"$3/bin/python"
    chmod +x "$3/bin/python" ;;
esac
"""
Start = Callable[[], subprocess.Popen[str]]
SILENT_SEC = "silent_sec=10"


@pytest.fixture
def checkout(host: Host, tmp_path: Path) -> Path:
    """A checkout with the scripts and empty lock files, and a python3 that makes environments."""
    host.add("python3", PYTHON)
    shutil.copytree(CHECKOUT / "docker/host", tmp_path / "checkout/docker/host")
    locks = tmp_path / "checkout/docker/locks"
    locks.mkdir()
    for name in ("cpu", "test", "build"):
        (locks / f"{name}.txt").touch()
    lock = tmp_path / "checkout/docker/host/venv-lock"
    assert SILENT_SEC in lock.read_text()
    lock.write_text(lock.read_text().replace(SILENT_SEC, "silent_sec=3"))
    return tmp_path / "checkout"


@pytest.fixture
def start(host: Host, checkout: Path) -> Iterator[Start]:
    """Start make-venv, each time as the first process of a group, which ends with the test."""
    begun: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        begun.append(make_venv(host, checkout))
        return begun[-1]

    yield start
    for process in begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def make_venv(host: Host, checkout: Path) -> subprocess.Popen[str]:
    """Start make-venv in a group of its own."""
    return subprocess.Popen(
        [checkout / "docker/host/make-venv", "cpu"],
        cwd=checkout,
        env={"PATH": str(host.bin)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, for at most 10 seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def folders(checkout: Path) -> list[Path]:
    """The folders of environments, whole or not."""
    return list((checkout / ".venvs").glob("cpu-*"))


def started(start: Start, checkout: Path) -> subprocess.Popen[str]:
    """Start make-venv and wait until it installs."""
    process = start()
    wait_until(lambda: any((folder / "bin/python").exists() for folder in folders(checkout)))
    return process


def test_two_first_runs_at_once_make_one_environment(start: Start, checkout: Path) -> None:
    first = started(start, checkout)
    second = start()
    time.sleep(0.5)
    (checkout / "go").touch()
    (one, _), (other, said) = (process.communicate(timeout=20) for process in (first, second))
    assert one == other == f"{(checkout / '.venv').resolve()}\n"
    assert said == "Waiting for another process, which is making an environment here\n"


def test_a_build_that_was_killed_is_not_taken_for_whole(start: Start, checkout: Path) -> None:
    process = started(start, checkout)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (left,) = folders(checkout)
    (checkout / "go").touch()
    again = start()
    assert "Making .venv" in again.communicate(timeout=20)[1]
    assert again.returncode == 0
    assert not left.exists()
    assert not (checkout / ".venvs/lock").exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing_and_says_nothing(
    start: Start, checkout: Path, sent: signal.Signals
) -> None:
    process = started(start, checkout)
    os.killpg(process.pid, sent)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 128 + sent
    assert "Traceback" not in said
    assert list((checkout / ".venvs").iterdir()) == []


def test_the_lock_of_another_host_counts_while_its_heart_beats(
    start: Start, checkout: Path
) -> None:
    lock = checkout / ".venvs/lock"
    lock.mkdir(parents=True)
    (checkout / "go").touch()
    process = start()
    for count in range(10):
        (lock / "heartbeat").write_text(str(count))
        time.sleep(0.5)
        assert process.poll() is None
    assert process.communicate(timeout=20)[0].startswith(f"{checkout.resolve()}/.venvs/cpu-")
    assert process.returncode == 0


def test_a_lock_that_cannot_be_removed_is_one_line_with_its_fix(
    host: Host, start: Start, checkout: Path
) -> None:
    lock = checkout / ".venvs/lock"
    lock.mkdir(parents=True)
    said = "rm: cannot remove '.venvs/lock/heartbeat': Permission denied"
    host.add("rm", f'case $* in *lock) echo "{said}" >&2; exit 1 ;; esac')
    process = start()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 4
    assert said.splitlines()[-1] == (
        "make-venv: .venvs/lock is of a process that has ended, and cannot be removed "
        "(Permission denied): sudo rm -rf .venvs/lock"
    )


def test_a_disk_without_room_for_a_folder_is_one_line(host: Host, start: Start) -> None:
    host.add("mktemp", 'case $1 in -d) exit 1 ;; esac\n: >"${1%-*}-1" && echo "${1%-*}-1"')
    process = start()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 4
    assert said.splitlines()[-1].startswith(
        "make-venv: .venv could not be made: free space or inodes, or set PYTHON="
    )
