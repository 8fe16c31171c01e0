"""What an image's files are, read from outside: nothing of the image is run."""

import hashlib
import re
import tarfile
from base64 import urlsafe_b64encode
from csv import reader
from dataclasses import dataclass, field, replace
from typing import IO

from image_cuts import WRITTEN, Digests, said
from image_packages import METADATA, distribution

CHUNK_BYTES = 1 << 20
VENV = "opt/venv/"
# Texts that say what else there should be; read whole.
RECORD = re.compile(r"(opt/venv/lib/[^/]+/site-packages/)[^/]+\.dist-info/RECORD")
MD5SUMS = re.compile(r"var/lib/dpkg/info/[^/]+\.md5sums")


@dataclass(frozen=True)
class Contents:
    """The files of an image, by their paths without the first slash.

    `sha256` is of the files in /opt/venv, as a RECORD has it, and `md5` of all others, as dpkg
    has it: what those lists promise is in `recorded` and `packaged`. `versions` has the Python
    distributions, by their normalized names, and `cuts` what the build says it took out of them.
    `links` has what in /opt/venv is neither file nor folder, and where it leads.
    """

    sha256: dict[str, str]
    md5: dict[str, str]
    recorded: dict[str, str]
    packaged: dict[str, str]
    versions: dict[str, str]
    cuts: dict[str, Digests] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


def read(stream: IO[bytes]) -> Contents:
    """Read an image's files from a tar stream, once, from its start to its end."""
    contents = Contents({}, {}, {}, {}, {})
    folders: dict[str, str] = {}  # links among the first names, such as lib -> usr/lib
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if member.issym() and "/" not in member.name:
                folders[member.name] = member.linkname.lstrip("/")
            elif member.islnk():
                copy_digest(contents, member)
            elif member.isreg() and (content := archive.extractfile(member)):
                add_file(contents, member.name, content)
            elif member.name.startswith(VENV) and not member.isdir():
                contents.links[member.name] = member.linkname
    moved = {through(folders, path): digest for path, digest in contents.packaged.items()}
    return replace(contents, packaged=moved)


def through(folders: dict[str, str], path: str) -> str:
    """A path as the archive has it: dpkg may know /usr/lib by its old name, /lib."""
    first, _, rest = path.partition("/")
    return f"{folders[first]}/{rest}" if first in folders else path


def copy_digest(contents: Contents, link: tarfile.TarInfo) -> None:
    """A hard link is the file that came before it."""
    for digests in (contents.sha256, contents.md5):
        if link.linkname in digests:
            digests[link.name] = digests[link.linkname]


def add_file(contents: Contents, path: str, content: IO[bytes]) -> None:
    """Take the digest of a file, and what it says of others if it is such a list."""
    lists = (RECORD, METADATA, MD5SUMS, WRITTEN)
    text = content.read() if any(pattern.fullmatch(path) for pattern in lists) else None
    if path.startswith(VENV):
        digest = digest_of("sha256", content, text)
        contents.sha256[path] = urlsafe_b64encode(digest).rstrip(b"=").decode()
    else:
        contents.md5[path] = digest_of("md5", content, text).hex()
    if text is not None:
        add_list(contents, path, text.decode(errors="replace"))


def digest_of(kind: str, content: IO[bytes], text: bytes | None) -> bytes:
    """The digest of a file that may have been read already."""
    digest = hashlib.new(kind, text or b"", usedforsecurity=False)
    while text is None and (chunk := content.read(CHUNK_BYTES)):
        digest.update(chunk)
    return digest.digest()


def add_list(contents: Contents, path: str, text: str) -> None:
    """Take over what a RECORD, a METADATA, a list of cuts or one of dpkg says."""
    if matched := RECORD.fullmatch(path):
        for name, digest, _ in reader(text.splitlines()):
            contents.recorded[joined(matched[1], name)] = digest.removeprefix("sha256=")
    elif METADATA.fullmatch(path):
        package = distribution(text)
        contents.versions[package.name] = package.version
    elif WRITTEN.fullmatch(path):
        contents.cuts.update(said(text))
    else:
        contents.packaged.update((line[34:], line[:32]) for line in text.splitlines())


def joined(folder: str, name: str) -> str:
    """A path of a RECORD, which climbs to the venv's commands: ../../../bin/pip."""
    parts = folder.rstrip("/").split("/")
    for part in name.split("/"):
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)
