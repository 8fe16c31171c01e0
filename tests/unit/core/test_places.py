"""Where results are written: the fix where they cannot be, and how long they last there."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from workload.core import places
from workload.core.errors import NotSavedError


def refusal(folder: Path) -> str:
    """The error for a folder into which nothing can be written."""
    with pytest.raises(NotSavedError) as raised:
        places.require_writable(folder, "--output")
    return str(raised.value)


def test_a_folder_that_does_not_exist_is_writable_and_not_created(tmp_path: Path) -> None:
    places.require_writable(tmp_path / "new/below", "--output")
    assert list(tmp_path.iterdir()) == []


def test_a_dangling_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to("/no/such")
    assert f"{tmp_path}/results is a link to /no/such, which does not exist" in refusal(
        tmp_path / "results"
    )


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    assert refusal(tmp_path / "results/below") == (
        f"nothing can be written to {tmp_path}/results/below: {tmp_path}/results is not a folder; "
        "choose a writable directory with --output"
    )


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (13, "it belongs to uid {owner}, but this process has uid 4321: chown -R 4321 {folder}, or "
         "--user {owner} in Docker, or choose a writable directory with --output"),
        (30, "mount it writable, or choose a writable directory with --output"),
        (28, "free space or choose a writable directory with --output"),
        (1, "an attribute (lsattr -d) or a security policy forbids it: choose a writable directory "
         "with --output"),
        (24, "raise the limit of open files: ulimit -n 1024"),
        (27, "raise the file size limit: ulimit -f unlimited, or --ulimit fsize=-1 in Docker"),
    ],
)  # fmt: skip
def test_the_fix_fits_the_reason(
    number: int, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = OSError(number, os.strerror(number))
    monkeypatch.setattr(places, "write_error", lambda _folder: reason)
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    assert refusal(tmp_path) == (
        f"nothing can be written to {tmp_path}: {os.strerror(number)}; "
        + fix.format(owner=tmp_path.stat().st_uid, folder=tmp_path)
    )


@pytest.mark.parametrize("command", ["run --ranks 2", "train --steps 1"])
def test_where_no_record_fits_the_limit_of_file_sizes_nothing_runs(
    command: str, tmp_path: Path
) -> None:
    words = f"-m workload {command} --device cpu --output {tmp_path}".split()
    ended = subprocess.run(
        (sys.executable, *words),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (6, "")
    assert ended.stderr.partition(": ")[2] == (
        f"nothing can be written to {tmp_path}: File too large; "
        "raise the file size limit: ulimit -f unlimited, or --ulimit fsize=-1 in Docker\n"
    )


@pytest.mark.parametrize(
    ("file_system", "mark", "lost"),
    [
        ("tmpfs", ".dockerenv", True),
        ("overlay", ".dockerenv", True),
        ("ext4", ".dockerenv", False),
        ("tmpfs", "other", False),
    ],
)
def test_the_layer_and_the_tmpfs_of_a_container_end_with_it(
    file_system: str, mark: str, lost: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("container", raising=False)
    (tmp_path / mark).touch()
    (tmp_path / "proc/self").mkdir(parents=True)
    device = Path("/proc").stat().st_dev
    (tmp_path / "proc/self/mountinfo").write_text(
        f"36 35 {os.major(device)}:{os.minor(device)} / /x rw - {file_system} none rw\n"
    )
    assert places.ends_with_container(Path("/proc"), tmp_path) is lost
