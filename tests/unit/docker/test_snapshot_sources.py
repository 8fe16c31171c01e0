"""docker/steps/apt/snapshot-sources: apt's sources at a time that has passed."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "docker/steps/apt/snapshot-sources"
DEBIAN = "http://snapshot.debian.org/archive"
UBUNTU = "http://snapshot.ubuntu.com/ubuntu/20261101T000000Z/"


def at_that_time(folder: Path, source: str, name: str) -> str:
    """A file of sources as the script copies it."""
    (folder / "from" / name).parent.mkdir(parents=True)
    (folder / "from" / name).write_text(source)
    command: list[str | Path] = [SCRIPT, "20261101T000000Z", folder / "from", folder / "to"]
    subprocess.run(command, check=True, timeout=10)
    return (folder / "to" / name).read_text()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "deb http://mirror.example.org/debian bookworm main",
            f"deb {DEBIAN}/debian/20261101T000000Z/ bookworm main",
        ),
        (
            "deb http://mirror.example.org/debian-security bookworm-security main",
            f"deb {DEBIAN}/debian-security/20261101T000000Z/ bookworm-security main",
        ),
    ],
)
def test_a_line_of_debian(tmp_path: Path, line: str, expected: str) -> None:
    assert at_that_time(tmp_path, line, "sources.list") == expected


@pytest.mark.parametrize("host", ["mirror.example.org/ubuntu/", "mirror.example.org/ubuntu-ports"])
def test_a_file_of_ubuntu(tmp_path: Path, host: str) -> None:
    source = f"Types: deb\nURIs: http://{host}\nSuites: noble\n"
    copied = at_that_time(tmp_path, source, "sources.list.d/ubuntu.sources")
    assert copied == f"Types: deb\nURIs: {UBUNTU}\nSuites: noble\n"


def test_an_archive_that_has_no_snapshots_stays(tmp_path: Path) -> None:
    line = "deb https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2404/x86_64 /"
    assert at_that_time(tmp_path, line, "sources.list.d/cuda.list") == line
