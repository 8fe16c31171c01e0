"""An archive of a proof may come from anyone: only what a proof writes is taken."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.gpu_proof import archive
from tools.gpu_proof.folder import EVENTS, LOG

from workload.core.errors import BadInputError

Change = Callable[[tarfile.TarInfo], object]


def member(name: str = f"gpu-proof/{EVENTS}", **fields: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(found, field, value)
    return found


def packed(path: Path, *members: tarfile.TarInfo, data: bytes = b"") -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for one in members:
            one.size = one.size or len(data)
            tar.addfile(one, io.BytesIO(data.ljust(one.size)))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadInputError) as refused:
        archive.read(path)
    text = str(refused.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("hostile", "error"),
    [
        (member("../proof.jsonl"), "'../proof.jsonl' is none of its files"),
        (member("/etc/passwd"), "'/etc/passwd' is none of its files"),
        (member("gpu-proof/../x"), "'gpu-proof/../x' is none of its files"),
        (member("gpu-proof/a/proof.jsonl"), "'gpu-proof/a/proof.jsonl' is none of its files"),
        (member("gpu-proof/other.sh"), "'gpu-proof/other.sh' is none of its files"),
        (member("gpu-proof/\x1b[2Jx"), "is none of its files"),
        (member(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "proof.jsonl is not a plain file"),
        (member(type=tarfile.LNKTYPE, linkname="/etc/passwd"), "proof.jsonl is not a plain file"),
        (member(type=tarfile.CHRTYPE), "proof.jsonl is not a plain file"),
        (member(type=tarfile.FIFOTYPE), "proof.jsonl is not a plain file"),
        (member(type=tarfile.DIRTYPE), "proof.jsonl is not a plain file"),
        (member(size=(16 << 20) + 1), "proof.jsonl is larger than 16 MiB"),
    ],
)
def test_what_no_proof_writes_is_refused(
    hostile: tarfile.TarInfo, error: str, tmp_path: Path
) -> None:
    text = refusal(packed(tmp_path / "a.tar.gz", hostile))
    assert error in text
    assert "\x1b" not in text
    assert text.endswith("choose gpu-proof.tar.gz")


def test_a_file_that_is_in_it_twice_is_refused(tmp_path: Path) -> None:
    text = refusal(packed(tmp_path / "a.tar.gz", member(), member()))
    assert "proof.jsonl is in it twice" in text


@pytest.mark.parametrize("header", ["size", "path", "comment"])
def test_a_header_that_grows_when_it_is_unpacked_is_refused(header: str, tmp_path: Path) -> None:
    many = "1" * (130 << 20)
    one = member()
    one.pax_headers = {header: many}
    text = refusal(packed(tmp_path / "a.tar.gz", one))
    assert "more than 128 MiB" in text


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(140):
            stream.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    assert "more than 128 MiB" in refusal(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_archive_that_is_cut_off_is_refused(share: float, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tar.gz", member(), data=os.urandom(5000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "is not an archive of gpu-proof (it is cut off): choose gpu-proof.tar.gz" in refusal(
        path
    )


@pytest.mark.parametrize(
    "data", [b"no archive", gzip.compress(b"no tar" * 200)], ids=["text", "gzip"]
)
def test_another_file_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(data)
    assert "is not an archive of gpu-proof (" in refusal(path)


@pytest.mark.parametrize("path", ["/nowhere", "/dev/zero"])
def test_what_cannot_be_read_is_refused(path: str) -> None:
    assert refusal(Path(path)).startswith(f"{path} cannot be read: ")


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / EVENTS)
    assert "not a regular file" in refusal(tmp_path)


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / EVENTS).symlink_to("/etc/passwd")
    assert "is a link: a proof writes none" in refusal(tmp_path)


@pytest.mark.parametrize("empty", [True, False])
def test_without_events_there_is_nothing_to_read(empty: bool, tmp_path: Path) -> None:
    if not empty:
        (tmp_path / LOG).touch()
    assert refusal(tmp_path) == (
        f"{tmp_path} has no proof.jsonl: choose a folder or gpu-proof.tar.gz of gpu-proof"
    )
