"""What an image's files are, read from outside: nothing of the image is run."""

import csv
import hashlib
import re
import tarfile
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import IO

import image_lists as lists
from image_cuts import WRITTEN, Digests, said
from image_packages import DPKG_STATUS, MAX_BYTES, METADATA, distribution, system_packages

CHUNK_BYTES = 1 << 20
VENV = "opt/venv/"
PYVENV = "opt/venv/pyvenv.cfg"
# Texts that say what else there should be; read whole.
RECORD = re.compile(r"(opt/venv/lib/python[\d.]+/site-packages/)[^/]+\.dist-info/RECORD")
DPKG_LIST = re.compile(r"var/lib/dpkg/info/([^/]+)\.(list|md5sums)")
LISTS = (RECORD, METADATA, DPKG_LIST, WRITTEN, re.compile(re.escape(PYVENV)))
# /lib and others that are links into /usr; any other link of the root moves nothing.
MERGED = re.compile(r"/?(usr/(bin|sbin|lib\w*))")


@dataclass(frozen=True)
class Contents:
    """The files of an image, by their paths without the first slash.

    `sha256` is of the files in /opt/venv, as a RECORD has it, and `md5` of all others, as dpkg
    has it: what those lists promise is in `recorded` and `packaged`. `versions` has the Python
    distributions, by their normalized names, and `cuts` what the build says it took out of them.
    """

    sha256: dict[str, str]
    md5: dict[str, str]
    recorded: dict[str, str]
    packaged: dict[str, str]
    versions: dict[str, str]
    cuts: dict[str, Digests] = field(default_factory=dict)
    # What is neither file nor folder, and where it leads; nowhere if it is no link.
    links: dict[str, str] = field(default_factory=dict)
    # Hard links over the venv's border: the content has no digest of the kind that is compared.
    crossing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # lists that are not as such lists are
    distributions: dict[str, str] = field(default_factory=dict)  # names by their METADATA
    pyvenv: list[str] = field(default_factory=list)  # the one text of pyvenv.cfg
    # Of dpkg: what each package's .list has, whose .md5sums there are, and who is installed, as
    # their lists may be called. A package of several architectures has its own behind a colon.
    listed: dict[str, list[str]] = field(default_factory=dict)
    summed: set[str] = field(default_factory=set)
    installed: list[tuple[str, str]] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)  # the root's links: lib is usr/lib


def read(stream: IO[bytes]) -> Contents:
    """Read an image's files from a tar stream, once, from its start to its end."""
    contents = Contents({}, {}, {}, {}, {})
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            into_usr = MERGED.fullmatch(member.linkname) if member.issym() else None
            if into_usr and "/" not in member.name:
                contents.merged[member.name] = into_usr[1]
            elif member.islnk():
                add_hard_link(contents, member)
            elif member.isreg() and (content := archive.extractfile(member)):
                add_file(contents, member.name, content)
            elif not member.isdir():
                contents.links[member.name] = member.linkname
    merged = contents.merged
    moved = {through(merged, path): digest for path, digest in contents.packaged.items()}
    listed = {
        name: [through(merged, path) for path in paths] for name, paths in contents.listed.items()
    }
    return replace(contents, packaged=moved, listed=listed)


def through(merged: dict[str, str], path: str) -> str:
    """A path as the archive has it: dpkg may know /usr/lib by its old name, /lib."""
    first, _, rest = path.partition("/")
    return f"{merged[first]}/{rest}" if rest and first in merged else path


def add_hard_link(contents: Contents, link: tarfile.TarInfo) -> None:
    """A hard link is the file that came before it, on the same side of the venv's border."""
    inside = link.name.startswith(VENV)
    digests = contents.sha256 if inside else contents.md5
    if link.linkname in digests:
        digests[link.name] = digests[link.linkname]
    if link.linkname.startswith(VENV) != inside:
        contents.crossing.append(link.name)
    elif any(pattern.fullmatch(link.name) for pattern in (*LISTS, re.compile(DPKG_STATUS))):
        contents.unreadable.append(link.name)  # its text went by under another name


def add_file(contents: Contents, path: str, content: IO[bytes]) -> None:
    """Take the digest of a file, and what it says of others if it is such a list."""
    is_list = path == DPKG_STATUS or any(pattern.fullmatch(path) for pattern in LISTS)
    start = content.read(MAX_BYTES + 1) if is_list else b""
    if path.startswith(VENV):
        digest = digest_of("sha256", start, content)
        contents.sha256[path] = urlsafe_b64encode(digest).rstrip(b"=").decode()
    else:
        contents.md5[path] = digest_of("md5", start, content).hex()
    if is_list:
        try:
            add_list(contents, path, start)
        except (ValueError, csv.Error, RecursionError):
            contents.unreadable.append(path)


def digest_of(kind: str, start: bytes, rest: IO[bytes]) -> bytes:
    """The digest of a file whose start may have been read already."""
    digest = hashlib.new(kind, start, usedforsecurity=False)
    while chunk := rest.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.digest()


def add_list(contents: Contents, path: str, start: bytes) -> None:
    """Take over what a list says; raises if it is not as such lists are, see image_lists.py."""
    if len(start) > MAX_BYTES:
        raise ValueError("longer than any such list")
    text = start.decode(errors="surrogateescape")  # names as the archive's
    if matched := RECORD.fullmatch(path):
        rows = list(lists.record(text))
        contents.recorded.update((lists.joined(matched[1], name), sha) for name, sha in rows)
    elif METADATA.fullmatch(path):
        package = distribution(text)
        contents.versions[package.name] = package.version
        contents.distributions[path] = package.name
    elif WRITTEN.fullmatch(path):
        contents.cuts.update(said(text))
    elif path == DPKG_STATUS:
        known = system_packages(text)
        contents.installed.extend((one.name, f"{one.name}:{one.architecture}") for one in known)
    elif path == PYVENV:
        contents.pyvenv.append(text)
    elif matched := DPKG_LIST.fullmatch(path):
        add_dpkg_list(contents, matched[1], matched[2], text)


def add_dpkg_list(contents: Contents, package: str, kind: str, text: str) -> None:
    """Take over which files dpkg has of a package, or their digests."""
    if kind == "list":
        contents.listed[package] = lists.paths(text)
    else:
        contents.packaged.update(list(lists.md5sums(text)))
        contents.summed.add(package)
