"""Which packages an image carries, read from its files: nothing of the image is run."""

import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import IO, Any

METADATA = re.compile(r"opt/venv/lib/python([\d.]+)/site-packages/[^/]+\.dist-info/METADATA")
DPKG_STATUS = "var/lib/dpkg/status"
OS_RELEASE = re.compile(r"(usr/lib|etc)/os-release")
MAX_BYTES = 16 << 20  # no such list is as long


@dataclass(frozen=True)
class Package:
    """A Python distribution or a package of the base's system."""

    kind: str  # "pypi" or "deb", as package URLs have it
    name: str
    version: str
    licence: str | None = None
    architecture: str | None = None


@dataclass(frozen=True)
class Image:
    """What an image says of itself, and its packages by kind and name."""

    name: str
    id: str
    created: str  # RFC 3339
    architecture: str  # Docker's word: "amd64"
    labels: dict[str, str]
    system: str | None  # "debian-12"
    python: str | None  # "3.11"
    packages: tuple[Package, ...]


def read_image(name: str) -> Image:
    """Raises subprocess.CalledProcessError where there is no such image, or no engine."""
    (about,) = json.loads(_docker("image", "inspect", name))
    with exported(name) as stream:
        system, python, packages = read_packages(stream)
    return Image(
        name=name,
        id=about["Id"],
        created=about["Created"],
        architecture=about["Architecture"],
        labels=about["Config"].get("Labels") or {},
        system=system,
        python=python,
        packages=packages,
    )


@contextmanager
def exported(image: str) -> Iterator[IO[bytes]]:
    """An image's files as a tar stream."""
    container = _docker("create", "--pull", "never", image, "true").strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            assert export.stdout  # noqa: S101  a pipe was asked for
            yield export.stdout
    finally:
        _docker("rm", container)


def read_packages(stream: IO[bytes]) -> tuple[str | None, str | None, tuple[Package, ...]]:
    """System, Python's version and packages of a tar stream, in one pass."""
    system = python = None
    packages: list[Package] = []
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if _is_list(member) else None
            if content is None:
                continue
            text = content.read(MAX_BYTES).decode(errors="replace")
            if matched := METADATA.fullmatch(member.name):
                python = matched[1]
                packages.append(distribution(text))
            elif member.name == DPKG_STATUS:
                packages += _system_packages(text)
            else:
                system = _system(text)
    return system, python, tuple(sorted(packages, key=lambda one: (one.kind, one.name)))


def normalized(name: str) -> str:
    """A distribution's name as locks have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_list(member: tarfile.TarInfo) -> bool:
    known = member.name == DPKG_STATUS or METADATA.fullmatch(member.name)
    return member.isreg() and bool(known or OS_RELEASE.fullmatch(member.name))


def distribution(metadata: str) -> Package:
    """The package that a METADATA file is of."""
    said = HeaderParser().parsestr(metadata)
    return Package("pypi", normalized(said["Name"]), said["Version"], _licence(said))


def _licence(said: Message) -> str | None:
    """The expression, the field if it is a name and no text, or what the classifiers say."""
    field = str(said.get("License-Expression") or said.get("License") or "").strip()
    if field and "\n" not in field:
        return field
    classes = [str(one) for one in said.get_all("Classifier", []) if one.startswith("License ::")]
    return " AND ".join(one.rpartition(":: ")[2] for one in classes) or None


def _system_packages(status: str) -> list[Package]:
    fields = [HeaderParser().parsestr(block) for block in status.split("\n\n") if block.strip()]
    return [
        Package("deb", said["Package"], said["Version"], None, said["Architecture"])
        for said in fields
        if said["Status"] == "install ok installed"
    ]


def _system(os_release: str) -> str:
    said: dict[str, Any] = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    return f"{said.get('ID', 'linux')}-{said.get('VERSION_ID', 'unknown')}"


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout
