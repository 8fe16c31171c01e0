"""A right image as `docker export` writes it, for the tests of docker/image_*.py to spoil."""

import io
import tarfile
from base64 import urlsafe_b64encode
from hashlib import md5, sha256

SITE = "opt/venv/lib/python3.11/site-packages"
PYVENV = "opt/venv/pyvenv.cfg"
INFO = "var/lib/dpkg/info"
STATUS = "var/lib/dpkg/status"
CODE, TOOL = b"print(1)\n", b"tool"
ABOUT = b"Name: One\nVersion: 1.0\n\nVersion: 9\n"


def record(content: bytes) -> str:
    """A digest as a RECORD has it."""
    return "sha256=" + urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()


def md5sum(content: bytes) -> str:
    """A digest as dpkg has it."""
    return md5(content, usedforsecurity=False).hexdigest()


def image() -> dict[str, bytes]:
    """One Python package with a command, and two of the distribution."""
    return python_package() | system_packages()


def python_package() -> dict[str, bytes]:
    lines = [
        f"one.py,{record(CODE)},9",
        f"../../../bin/one,{record(TOOL)},4",
        f"one-1.0.dist-info/METADATA,{record(ABOUT)},32",
        "one-1.0.dist-info/RECORD,,",
    ]
    return {
        f"{SITE}/one.py": CODE,
        "opt/venv/bin/one": TOOL,
        PYVENV: (
            b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n"
            b"executable = /usr/bin/python3.11\ncommand = /usr/bin/python3 -m venv /opt/venv\n"
        ),
        f"{SITE}/one-1.0.dist-info/METADATA": ABOUT,
        f"{SITE}/one-1.0.dist-info/RECORD": "\n".join(lines).encode(),
    }


def system_packages() -> dict[str, bytes]:
    return {
        "usr/lib/libc.so": b"libc",
        "usr/bin/python3.11": b"python",
        f"{INFO}/libc6:amd64.md5sums": (
            f"{md5sum(b'libc')}  lib/libc.so\n{'0' * 32}  usr/share/man/man1/x.1.gz\n"
        ).encode(),
        f"{INFO}/libc6:amd64.list": b"/.\n/lib\n/lib/libc.so\n/usr/share/man/man1/x.1.gz\n",
        f"{INFO}/python.md5sums": f"{md5sum(b'python')}  usr/bin/python3.11\n".encode(),
        f"{INFO}/python.list": b"/usr/bin/python3.11\n/usr/bin/python3\n",
        STATUS: installed("libc6") + installed("python"),
    }


def installed(name: str) -> bytes:
    """A package as dpkg's status has it."""
    said = f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"
    return said.encode()


LINKS = {
    "lib": "usr/lib",
    "opt/venv/lib64": "lib",
    "opt/venv/bin/python": "/usr/bin/python3",
    "usr/bin/python3": "python3.11",
}


def stream(
    files: dict[str, bytes], links: dict[str, str] | None = None, hard: tuple[str, str] = ("", "")
) -> io.BytesIO:
    """An image with a system's links, a venv's and `links`, and last a hard link to a file."""
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        for name, to in (LINKS | (links or {})).items():
            archive.addfile(link(tarfile.SYMTYPE, name, to))
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if hard[0]:
            archive.addfile(link(tarfile.LNKTYPE, *hard))
    stored.seek(0)
    return stored


def link(kind: bytes, name: str, to: str) -> tarfile.TarInfo:
    """A member of an archive that leads to another."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, to
    return made
