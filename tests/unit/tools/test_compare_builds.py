"""tests/tools/compare-builds names the files in which two builds differ."""

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/compare-builds"
# An engine with the images in FOLDER/first and FOLDER/second.
DOCKER = """#!/bin/sh
for image; do :; done
case $image in *-again) folder=second ;; *) folder=first ;; esac
case "$1 $2" in
  "image inspect") cd {folder}/$folder/blobs/sha256 && printf 'sha256:%s\\n' * ;;
  "save "*) tar -C {folder}/$folder -c blobs ;;
esac
"""
Compare = Callable[[bytes, bytes], subprocess.CompletedProcess[str]]


def layer(
    content: str = "one",
    mode: int = 0o644,
    time: int = 0,
    link: str = "a",
    *,
    link_first: bool = False,
) -> bytes:
    """A layer with a file and a link."""
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        file = tarfile.TarInfo("a")
        file.size, file.mode, file.mtime = len(content), mode, time
        to = tarfile.TarInfo("b")
        to.type, to.linkname = tarfile.SYMTYPE, link
        entries = [(file, io.BytesIO(content.encode())), (to, None)]
        for entry, stream in reversed(entries) if link_first else entries:
            archive.addfile(entry, stream)
    return stored.getvalue()


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Compare two images of one layer each."""

    def run(first: bytes, second: bytes) -> subprocess.CompletedProcess[str]:
        for name, content in (("first", first), ("second", second)):
            blob = tmp_path / name / "blobs/sha256" / sha256(content).hexdigest()
            blob.parent.mkdir(parents=True)
            blob.write_bytes(content)
        for path, text in (("docker/build", "#!/bin/sh"), ("bin/docker", DOCKER)):
            command = tmp_path / path
            command.parent.mkdir()
            command.write_text(text.format(folder=tmp_path))
            command.chmod(0o755)
        (tmp_path / "tests/tools").mkdir(parents=True)
        script = shutil.copy(SCRIPT, tmp_path / "tests/tools")
        shutil.copy(SCRIPT.parent / "list_layer.py", tmp_path / "tests/tools")
        environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
        return subprocess.run(
            [script, "cpu"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    return run


def test_the_same_layers_are_the_same(compare: Compare) -> None:
    compared = compare(layer(), layer())
    assert (compared.returncode, compared.stderr) == (0, "")
    assert compared.stdout.endswith(" the same\n")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (layer(content="two"), f"> {sha256(b'two').hexdigest()} 0 644 0:0 : 0 a"),
        (layer(mode=0o600), f"> {sha256(b'one').hexdigest()} 0 600 0:0 : 0 a"),
        (layer(time=7), f"> {sha256(b'one').hexdigest()} 0 644 0:0 : 7 a"),
        (layer(link="c"), "> - 2 644 0:0 : 0 b -> c"),
    ],
    ids=["content", "mode", "time", "link"],
)
def test_a_file_that_differs_is_named(compare: Compare, other: bytes, expected: str) -> None:
    compared = compare(layer(), other)
    assert compared.returncode == 1
    assert expected in compared.stdout
    assert compared.stdout.count("> ") - compared.stdout.count("-> ") == 1


def test_layers_whose_entries_are_equal_still_differ(compare: Compare) -> None:
    compared = compare(layer(), layer() + b"\0" * 512)
    assert compared.returncode == 1
    assert compared.stdout.endswith("their entries are equal, in the same order\n")


def test_the_same_entries_in_another_order_are_the_same(compare: Compare) -> None:
    compared = compare(layer(), layer(link_first=True))
    assert (compared.returncode, compared.stderr) == (0, "")
    assert compared.stdout.endswith(" the same entries, in the engine's other order\n")


def test_another_order_hides_no_difference(compare: Compare) -> None:
    assert compare(layer(), layer(mode=0o600, link_first=True)).returncode == 1
