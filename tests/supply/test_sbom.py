"""The bill of materials tells what is in an image, and what the lock does not have."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from image_packages import Image, Package, read_packages
from sbom import bill, differences, locked

ROOT = Path(__file__).parents[2]
SITE = "opt/venv/lib/python3.11/site-packages"
JINJA = Package("pypi", "jinja2", "3.1.6", "BSD-3-Clause")
BASH = Package("deb", "bash", "5.2.15-2+b13", None, "amd64")
IMAGE = Image(
    name="workload:cpu",
    id="sha256:" + "0" * 64,
    created="2026-11-25T18:00:00.123456789Z",
    architecture="amd64",
    labels={"org.opencontainers.image.title": "workload"},
    system="debian-12",
    python="3.11",
    packages=(BASH, JINJA),
)
LOCK = {"jinja2": "3.1.6"}


def tar_of(files: dict[str, str]) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    packed.seek(0)
    return packed


def test_a_bill_obeys_the_published_schema() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill(IMAGE)) is None


def test_one_image_has_one_bill() -> None:
    assert bill(IMAGE) == bill(IMAGE)
    assert bill(IMAGE) != bill(replace(IMAGE, id="sha256:" + "1" * 64))


def test_a_package_has_the_address_that_scanners_look_up() -> None:
    urls = {one["name"]: one["purl"] for one in json.loads(bill(IMAGE))["components"]}
    assert urls == {
        "bash": "pkg:deb/debian/bash@5.2.15-2%2Bb13?arch=amd64&distro=debian-12",
        "jinja2": "pkg:pypi/jinja2@3.1.6",
    }


def test_an_image_as_locked_has_no_differences() -> None:
    assert differences(IMAGE.packages, LOCK) == []


@pytest.mark.parametrize(
    ("packages", "line"),
    [
        ((JINJA, Package("pypi", "left-pad", "1.0")), "left-pad 1.0 is not in the lock"),
        ((), "jinja2 3.1.6 is not in the image"),
        (
            (replace(JINJA, version="3.1.5"),),
            "jinja2 is 3.1.5 in the image, 3.1.6 in the lock",
        ),
    ],
)
def test_what_differs_from_the_lock_is_named(packages: tuple[Package, ...], line: str) -> None:
    assert differences(packages, LOCK) == [line]


def test_the_package_itself_and_the_system_are_in_no_lock() -> None:
    assert differences((*IMAGE.packages, Package("pypi", "workload", "0.1.0")), LOCK) == []


def test_a_lock_has_one_version_for_each_python() -> None:
    before, after = (locked("cpu", python, "amd64")["networkx"] for python in ("3.11", "3.12"))
    assert before != after


def test_packages_are_read_from_an_images_files() -> None:
    system, python, packages = read_packages(
        tar_of(
            {
                "usr/lib/os-release": 'ID=debian\nVERSION_ID="12"\n',
                "var/lib/dpkg/status": (
                    "Package: bash\nStatus: install ok installed\nVersion: 5.2\n"
                    "Architecture: amd64\n\n"
                    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
                    "Architecture: amd64\n"
                ),
                f"{SITE}/Jinja2-3.1.6.dist-info/METADATA": (
                    "Name: Jinja2\nVersion: 3.1.6\nLicense-Expression: BSD-3-Clause\n\nName: no\n"
                ),
                f"{SITE}/other/METADATA": "Name: other\nVersion: 1\n",
            }
        )
    )
    assert (system, python) == ("debian-12", "3.11")
    assert packages == (Package("deb", "bash", "5.2", None, "amd64"), JINJA)


def sbom(image: str, output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "docker/sbom.py", "cpu", "--image", image, "--output", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def docker(*words: str) -> str:
    return subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=True, timeout=120
    ).stdout.strip()


@pytest.fixture
def derived(tmp_path: Path) -> Iterator[str]:
    """The CPU image with a package that nobody locked."""
    folder = tmp_path / "left_pad-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: left-pad\nVersion: 1.0\n")
    name = f"workload-derived:{uuid4().hex}"
    container = docker("create", "workload:cpu", "true")
    try:
        docker("cp", str(folder), f"{container}:/{SITE}/")
        docker("commit", container, name)
        yield name
        docker("rmi", name)
    finally:
        docker("rm", container)


@pytest.mark.timeout(300)
def test_the_built_image_is_as_locked(tmp_path: Path) -> None:
    ended = sbom("workload:cpu", tmp_path / "sbom.json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "as locked" in ended.stdout
    text = (tmp_path / "sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


@pytest.mark.timeout(300)
def test_a_package_that_nobody_locked_is_named(derived: str, tmp_path: Path) -> None:
    ended = sbom(derived, tmp_path / "sbom.json")
    assert ended.returncode == 4
    assert ended.stderr == f"sbom: {derived}: left-pad 1.0 is not in the lock\n"


def test_an_image_that_is_not_there_gets_one_line(tmp_path: Path) -> None:
    ended = sbom("workload-none:none", tmp_path / "sbom.json")
    assert ended.returncode == 4
    assert ended.stderr.startswith("sbom: workload-none:none: ")
    assert len(ended.stderr.splitlines()) == 1
