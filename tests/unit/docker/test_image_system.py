"""docker/image_system.py: what an image's distribution must have, and what must be of it."""

from types import ModuleType
from typing import Any

import pytest
from support.image_cases import INFO, STATUS, image, installed, stream


@pytest.mark.parametrize("to", ["evil", "/home/python3.11", "python3"])
def test_a_python_that_is_of_no_package_is_named(judged: Any, to: str) -> None:
    finding = judged(image() | {"home/python3.11": b""}, links={"usr/bin/python3": to})
    assert (finding.holds, finding.words) == (False, "of no package: usr/bin/python3")


def test_python_may_be_found_by_the_old_name_of_its_folder(judged: Any) -> None:
    links = {"bin": "usr/bin", "usr/bin/python3": "/bin/python3.11"}
    assert judged(image(), links=links).holds


@pytest.mark.parametrize(
    "path",
    [
        "usr/bin/evil",
        "usr/sbin/evil",
        "usr/lib/python3.11/usercustomize.py",
        "usr/lib/python3/dist-packages/evil.pth",
        "usr/local/lib/python3.11/dist-packages/evil.pth",
        "usr/local/sbin/nvidia-smi",
    ],
)
def test_what_is_of_no_package_where_code_is_taken_from_is_named(judged: Any, path: str) -> None:
    assert judged(image() | {path: b""}).words == f"of no package: {path}"
    assert judged(image(), links={path: "/home/x"}).words == f"of no package: {path}"


def test_a_folder_of_nobody_by_a_link_is_named(judged: Any) -> None:
    finding = judged(image(), links={"usr/local": "/home/local"})
    assert finding.words == "of no package: usr/local"


def test_what_bases_and_installing_add_is_theirs(judged: Any) -> None:
    compiled = "usr/lib/python3.11/__pycache__/os.cpython-311.pyc"
    files = image() | {compiled: b"", "usr/sbin/policy-rc.d": b""}
    assert judged(files, links={"usr/local/man": "share/man"}).holds
    assert not judged(files, links={"usr/local/man": "/home/man"}).holds


@pytest.mark.parametrize(("to", "holds"), [("/lib/libc.so", True), ("/home/awk", False)])
def test_an_alternative_leads_to_something_of_a_package(judged: Any, to: str, holds: bool) -> None:
    links = {"usr/bin/awk": "/etc/alternatives/awk", "etc/alternatives/awk": to}
    finding = judged(image(), links=links)
    assert finding.holds is holds
    assert holds or finding.words == "of no package: usr/bin/awk"


def test_a_package_whose_digests_were_removed_is_named(judged: Any) -> None:
    files = image() | {"usr/lib/libc.so": b"evil"}
    del files[f"{INFO}/libc6:amd64.md5sums"]
    finding = judged(files)
    assert (finding.holds, finding.words) == (False, "without digests of dpkg: libc6:amd64")


def test_a_package_whose_lists_were_both_removed_is_named(judged: Any) -> None:
    files = image()
    del files[f"{INFO}/libc6:amd64.md5sums"], files[f"{INFO}/libc6:amd64.list"]
    assert judged(files).words == "without digests of dpkg: libc6"


def test_a_package_that_dpkg_was_made_to_forget_is_named(judged: Any) -> None:
    files = image() | {STATUS: installed("python")}
    del files[f"{INFO}/libc6:amd64.md5sums"]
    assert judged(files).words == "without digests of dpkg: libc6:amd64"


def test_a_package_without_files_needs_no_digests(judged: Any) -> None:
    folders = b"/.\n/usr/share/doc/meta/copyright\n/etc/meta.conf\n"
    files = image() | {
        f"{INFO}/meta.list": folders,
        "etc/meta.conf": b"",
        "usr/share/doc/meta/copyright": b"",
        STATUS: image()[STATUS] + installed("meta"),
    }
    assert judged(files).holds


def test_an_image_without_dpkg_s_status_is_not_right(judged: Any) -> None:
    files = image()
    del files[STATUS]
    assert judged(files).words == f"without digests of dpkg: {STATUS}"


def test_a_link_of_the_root_out_of_usr_moves_no_path(contents: ModuleType) -> None:
    read = contents.read(stream(image(), {"lib": "home/lib"}))
    assert "lib/libc.so" in read.packaged
