"""The SBOM lists what is in an image, and what differs from the lock."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from locks import read_lock

ROOT = Path(__file__).parents[2]
JINJA = {"name": "Jinja2", "version": "3.1.6", "license_expression": "BSD-3-Clause"}
REPORT = {"installed": [{"metadata": JINJA}]}
DPKG = """debian 12
installed bash 5.2.15-2+b13 amd64 bash
installed libssl3 3.0.15 amd64 openssl
config-files gone 1 amd64 gone
"""
ABOUT: dict[str, Any] = {
    "Id": "sha256:" + "0" * 64,
    "Created": "2026-11-25T18:00:00.123456789Z",
    "Config": {"Labels": {"org.opencontainers.image.version": "1.2.3"}},
}
COMPONENTS = [*sbom.python_packages(REPORT), *sbom.os_packages(DPKG)]


def test_an_sbom_obeys_the_published_schema() -> None:
    text = sbom.document(ABOUT, COMPONENTS)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_an_image_always_has_the_same_sbom() -> None:
    assert sbom.document(ABOUT, COMPONENTS) == sbom.document(ABOUT, COMPONENTS)
    assert sbom.document(ABOUT, COMPONENTS) != sbom.document(ABOUT | {"Id": "sha256:1"}, COMPONENTS)


def test_packages_have_the_urls_by_which_scanners_look_them_up() -> None:
    components = json.loads(sbom.document(ABOUT, COMPONENTS))["components"]
    assert {one["name"]: one["purl"] for one in components} == {
        "bash": "pkg:deb/debian/bash@5.2.15-2%2Bb13?arch=amd64&distro=debian-12&upstream=bash",
        "jinja2": "pkg:pypi/jinja2@3.1.6",
        "libssl3": "pkg:deb/debian/libssl3@3.0.15?arch=amd64&distro=debian-12&upstream=openssl",
    }


@pytest.mark.parametrize(
    ("about", "license_"),
    [
        ({"license_expression": "MIT", "license": "X"}, "MIT"),
        ({"license": "BSD"}, "BSD"),
        ({"license": "A\nwhole text", "classifier": ["License :: OSI Approved :: ISC"]}, "ISC"),
        ({"classifier": ["Topic :: Software"]}, None),
    ],
)
def test_a_license_is_what_the_package_declares(
    about: dict[str, Any], license_: str | None
) -> None:
    assert sbom.license_of(about) == license_


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        ({("jinja2", "3.1.6")}, []),
        (
            {("jinja2", "3.1.6"), ("left-pad", "1.0")},
            ["left-pad 1.0 is not in the lock"],
        ),
        (set(), ["jinja2 3.1.6 is not in the image"]),
        (
            {("jinja2", "3.1.5")},
            ["jinja2 3.1.5 is not in the lock", "jinja2 3.1.6 is not in the image"],
        ),
    ],
)
def test_what_differs_from_the_lock_is_named(found: set[tuple[str, str]], lines: list[str]) -> None:
    assert sbom.differences(found, {("jinja2", "3.1.6")}) == lines


def test_a_lock_is_read_for_the_python_of_the_image(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "# for tests\n"
        "torch===2.13.0 \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\n"
        "networkx==3.6.1 ; python_full_version < '3.12' \\\n    --hash=sha256:2\n"
        "networkx==3.7 ; python_full_version >= '3.12' \\\n    --hash=sha256:3\n"
    )
    torch = ("torch", "2.13.0")
    assert read_lock(lock, {"python_full_version": "3.11.2"}) == {torch, ("networkx", "3.6.1")}
    assert read_lock(lock, {"python_full_version": "3.12.3"}) == {torch, ("networkx", "3.7")}
    assert read_lock(lock) == {torch, ("networkx", "3.6.1"), ("networkx", "3.7")}


def written(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script in `folder`, with the commands in `path` before the others."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{path}:{os.environ['PATH']}",
        "PYTHONIOENCODING": "ascii:strict",
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "docker/release/sbom.py"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def docker(*words: str) -> str:
    return subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=True, timeout=120
    ).stdout.strip()


@pytest.fixture
def derived(tmp_path: Path) -> Iterator[str]:
    """The CPU image with a package that is not in the lock."""
    folder = tmp_path / "left_pad-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: left-pad\nVersion: 1.0\n")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = docker("run", "--rm", "workload:cpu", "python", "-c", where)
    name = f"workload-derived:{uuid4().hex}"
    container = docker("create", "workload:cpu", "true")
    try:
        docker("cp", str(folder), f"{container}:{site}/")
        docker("commit", container, name)
        yield name
        docker("rmi", name)
    finally:
        docker("rm", container)


@pytest.mark.timeout(300)
def test_the_built_image_is_as_locked(tmp_path: Path) -> None:
    ended = written(tmp_path, "cpu", "workload:cpu")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "all as locked" in ended.stdout
    text = (tmp_path / "results/sbom-cpu.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    names = {one["name"] for one in json.loads(text)["components"]}
    assert {"torch", "workload", "libc6"} <= names


@pytest.mark.timeout(300)
def test_a_package_that_is_not_in_the_lock_is_named(derived: str, tmp_path: Path) -> None:
    ended = written(tmp_path, "cpu", derived)
    assert ended.returncode == 4
    assert ended.stderr == f"sbom: {derived}: left-pad 1.0 is not in the lock\n"


def test_an_image_that_is_not_there_gets_one_line(tmp_path: Path) -> None:
    ended = written(tmp_path, "cpu", "workload-none:none")
    assert (ended.returncode, ended.stderr.count("\n")) == (4, 1)
    assert ended.stderr.startswith("sbom: workload-none:none: ")
    assert "o such image" in ended.stderr


@pytest.mark.parametrize("arguments", [("cpu", "-x"), ("tpu", "image"), ("cpu",)])
def test_what_is_not_a_target_and_an_image_is_refused(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    assert written(tmp_path, *arguments).returncode == 2


@pytest.mark.parametrize(
    "run",
    [
        "echo not json",
        "echo '[]'",
        """echo '{"installed": [{"metadata": {"name": 5}}]}'""",
        r"""printf '{"installed": [{"metadata": {"name": "a\33[2J"}}]}'""",
        r"printf 'evil \033[2J\n\377' >&2; exit 3",
    ],
)
def test_an_image_that_lists_no_packages_gets_one_printable_line(run: str, tmp_path: Path) -> None:
    (tmp_path / "inspected").write_text(json.dumps([ABOUT]))
    stub = tmp_path / "docker"
    stub.write_text(f"#!/bin/sh\ncase $1 in image) cat inspected ;; run) {run} ;; esac\n")
    stub.chmod(0o755)
    ended = written(tmp_path, "cpu", "image", path=str(tmp_path))
    assert (ended.returncode, ended.stderr.count("\n")) == (4, 1)
    assert ended.stderr.rstrip("\n").isprintable()
    assert ended.stderr.startswith("sbom: image: ")


def test_a_folder_that_cannot_be_written_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    ended = written(tmp_path, "cpu", "workload:cpu")
    assert ended.returncode == 6
    assert ended.stderr == "sbom: results/sbom-cpu.cdx.json: cannot be written: File exists\n"
