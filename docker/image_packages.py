"""Which packages an image carries, read from its files: nothing of the image is run."""

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import IO, Any

METADATA = re.compile(r"opt/venv/lib/python([\d.]+)/site-packages/[^/]+\.dist-info/METADATA")
DPKG_STATUS = "var/lib/dpkg/status"
DPKG_FIELDS = ("Package", "Version", "Architecture")
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
    """Raises subprocess.CalledProcessError where there is no such image, or no engine.

    Raises ValueError or tarfile.TarError where a list in it cannot be read.
    """
    (about,) = json.loads(_docker("image", "inspect", name))
    with exported(about["Id"]) as stream:
        system, python, packages = read_packages(stream)
    return Image(
        name=name,
        id=about["Id"],
        created=about.get("Created") or "",
        architecture=about.get("Architecture") or "",
        labels=(about.get("Config") or {}).get("Labels") or {},
        system=system,
        python=python,
        packages=packages,
    )


@contextmanager
def exported(image: str) -> Iterator[IO[bytes]]:
    """An image's files as a tar stream; SIGTERM ends the program after the container is gone."""
    container = f"export-{os.getpid()}-{time.monotonic_ns()}"
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        _docker("create", "--pull", "never", "--name", container, image, "true")
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            assert export.stdout  # noqa: S101  a pipe was asked for
            try:
                yield export.stdout
            finally:
                export.kill()  # it may wait for an engine; one that has written all is gone
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        remove = ["docker", "rm", "--force", "--volumes", container]
        subprocess.run(remove, capture_output=True, check=False)
        signal.signal(signal.SIGTERM, before)


def read_packages(stream: IO[bytes]) -> tuple[str | None, str | None, tuple[Package, ...]]:
    """System, Python's version and packages of a tar stream, in one pass; raises ValueError."""
    system = python = None
    packages: list[Package] = []
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if _is_list(member) else None
            if content is None:
                continue
            try:
                text = _text_of(content)
                if matched := METADATA.fullmatch(member.name):
                    python = matched[1]
                    packages.append(distribution(text))
                elif member.name == DPKG_STATUS:
                    packages += system_packages(text)
                else:
                    system = _system(text)
            except ValueError as error:
                raise ValueError(f"/{member.name} cannot be read: {error}") from None
    return system, python, tuple(sorted(packages, key=lambda one: (one.kind, one.name)))


def _text_of(content: IO[bytes]) -> str:
    raw = content.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError("longer than any such list")
    return raw.decode(errors="replace")


def normalized(name: str) -> str:
    """A distribution's name as locks have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_list(member: tarfile.TarInfo) -> bool:
    known = member.name == DPKG_STATUS or METADATA.fullmatch(member.name)
    return member.isreg() and bool(known or OS_RELEASE.fullmatch(member.name))


def distribution(metadata: str) -> Package:
    """The package that a METADATA file is of; raises ValueError where it names none."""
    said = HeaderParser().parsestr(metadata)
    if not said["Name"] or not said["Version"]:
        raise ValueError("no Name, or no Version")
    return Package("pypi", normalized(str(said["Name"])), str(said["Version"]), _licence(said))


def _licence(said: Message) -> str | None:
    """The expression, the field if it is a name and no text, or what the classifiers say."""
    field = str(said.get("License-Expression") or said.get("License") or "").strip()
    if field and "\n" not in field:
        return field
    classes = [str(one) for one in said.get_all("Classifier", []) if one.startswith("License ::")]
    return " AND ".join(one.rpartition(":: ")[2] for one in classes) or None


def system_packages(status: str) -> list[Package]:
    """The packages that dpkg has installed; raises ValueError for one without a name."""
    fields = [HeaderParser().parsestr(block) for block in status.split("\n\n") if block.strip()]
    installed = [said for said in fields if str(said["Status"]).endswith(" ok installed")]
    if not all(said[name] for said in installed for name in DPKG_FIELDS):
        raise ValueError("a package lacks its name, version or architecture")
    return [
        Package("deb", str(said["Package"]), str(said["Version"]), None, str(said["Architecture"]))
        for said in installed
    ]


def _system(os_release: str) -> str:
    said: dict[str, Any] = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    return f"{said.get('ID', 'linux')}-{said.get('VERSION_ID', 'unknown')}"


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout
