"""Which differences between an image's files and their RECORDs the list of cuts accounts for."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cuts import Cut

# Where the build writes what it cut of a layer, see steps/cut.py.
WRITTEN = re.compile(r"opt/venv/share/workload/cuts-(cuda|torch|common)\.json")
SITE = re.compile(r"opt/venv/lib/[^/]+/site-packages")
Digests = dict[str, list[str]]  # of a stripped file, before and after, by its path


def said(text: str) -> dict[str, Digests]:
    """The cuts that an image says were made, by id; raises ValueError or RecursionError."""
    entries: Any = json.loads(text)
    if not isinstance(entries, list) or not all(map(is_entry, entries)):
        raise ValueError("no list of cuts")
    return {e["id"]: e.get("digests", {}) for e in entries if e.get("applied") is True}


def is_entry(entry: Any) -> bool:
    """Whether it is as the build writes one: an id and, if any, digests by path."""
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        return False
    digests = entry.get("digests", {})
    return isinstance(digests, dict) and all(isinstance(pair, list) for pair in digests.values())


class Account:
    """What both the list and the image say was cut. Paths are without the first slash."""

    def __init__(self, listed: Iterable[Cut], said: Mapping[str, Digests]) -> None:
        """Of the cuts that are listed, those that the image says were made."""
        self._cuts = [cut for cut in listed if not cut.wait_for_gpu and cut.id in said]
        self._said = said

    def gone(self, path: str) -> bool:
        """Whether a file was deleted."""
        return any(cut.kind == "delete" for cut in self._of(path))

    def changed(self, path: str, promised: str, found: str) -> bool:
        """Whether a file was stripped: of what its RECORD promises, to what it is."""
        expected = [promised, found]
        return any(
            cut.kind != "delete" and self._said[cut.id].get(relative(path)) == expected
            for cut in self._of(path)
        )

    def _of(self, path: str) -> list[Cut]:
        return [cut for cut in self._cuts if cut.matches(relative(path))]


def relative(path: str) -> str:
    """A path of the venv as its RECORD has it; commands are ../../../bin/name."""
    if site := SITE.match(path):
        return path.removeprefix(site[0] + "/")
    return os.path.relpath(path, "opt/venv/lib/python3/site-packages")
