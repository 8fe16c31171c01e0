"""The lists in an image that say what else there must be: Python's, dpkg's and the build's own.

Anybody may have written them. What is not as such a list is raises ValueError, csv.Error or
RecursionError.
"""

import csv
import io
import re
from collections.abc import Iterable

MD5SUM = re.compile(r"([0-9a-f]{32})  (.+)")


def record(text: str) -> Iterable[tuple[str, str]]:
    """Names and digests of a RECORD; no digest where it has none."""
    for row in csv.reader(io.StringIO(text, newline="")):
        name, digest, _ = row
        yield name, digest.removeprefix("sha256=")


def md5sums(text: str) -> Iterable[tuple[str, str]]:
    """Paths without the first slash, and digests, of one of dpkg's lists of digests."""
    for line in lines(text):
        matched = MD5SUM.fullmatch(line)
        if not matched:
            raise ValueError("a line is no digest and path")
        yield matched[2], matched[1]


def paths(text: str) -> list[str]:
    """Paths without the first slash of one of dpkg's lists: files, links and folders."""
    listed = lines(text)
    if not all(line.startswith("/") for line in listed):
        raise ValueError("a line is no path")
    return [line.removeprefix("/") for line in listed]


def lines(text: str) -> list[str]:
    """The lines of a text; only a line feed ends one, a path may have any other character."""
    return text.removesuffix("\n").split("\n") if text else []


def joined(folder: str, name: str) -> str:
    """A path of a RECORD, which climbs to the venv's commands: ../../../bin/pip."""
    parts = folder.rstrip("/").split("/")
    for part in name.split("/"):
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)
