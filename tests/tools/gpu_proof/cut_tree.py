"""A scratch tree of the installed packages, made of links, in which files can be cut."""

import base64
import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "docker/steps/layers"))  # prune

from prune import OPTIONS, Entry


@dataclass(frozen=True)
class Cut:
    """An entry that waits, and the files here that it means."""

    entry: Entry
    files: dict[str, Path]  # by path relative to site-packages


def waiting(listed: Path, site: Path) -> list[Cut]:
    """Return the entries that wait for a GPU, with their files below `site`."""
    entries = [Entry(**fields) for fields in tomllib.loads(listed.read_text())["prune"]]
    chosen = [entry for entry in entries if entry.wait_for_gpu]
    tops = {pattern.split("/")[0] for entry in chosen for pattern in entry.patterns}
    files = {
        os.path.relpath(path, site): path
        for top in sorted(tops)
        for path in sorted((site / top).rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    return [Cut(entry, entry.matches(files, every=False)) for entry in chosen]


def record_hash(path: Path) -> str:
    """Return a file's hash as a wheel's RECORD has it."""
    with path.open("rb") as file:
        value = hashlib.file_digest(file, "sha256").digest()
    return "sha256=" + base64.urlsafe_b64encode(value).decode().rstrip("=")


class Tree:
    """Links to the installed packages, in which files can be cut."""

    def __init__(self, site: Path, folder: Path, cuts: Sequence[Cut]) -> None:
        """Link everything: a package as a whole, unless files are cut in it or it is PyTorch.

        PyTorch finds libraries by `..`, which from a linked folder is where the link leads to.
        """
        self.site = site
        self.path = folder / "site"
        self._stripped = folder / "stripped"
        self._every = [(path, cut.entry) for cut in cuts for path in cut.files]
        self.hard = True
        self.path.mkdir()
        self._stripped.mkdir()
        self.tops = sorted({"torch", *(path.split("/")[0] for path, _ in self._every)})
        for entry in site.iterdir():
            if entry.name not in self.tops:
                (self.path / entry.name).symlink_to(entry)
        for top in self.tops:
            for parent, _, names in os.walk(site / top):
                below = Path(parent).relative_to(site)
                (self.path / below).mkdir(parents=True, exist_ok=True)
                for name in names:
                    self._link(below / name)

    def cut(self, cuts: Sequence[Cut]) -> None:
        """Cut these and restore all others."""
        for path, _ in self._every:
            (self.path / path).unlink(missing_ok=True)
            self._link(Path(path))
        for cut in cuts:
            for path in cut.files:
                (self.path / path).unlink()
                if cut.entry.kind != "delete":
                    (self.path / path).hardlink_to(self._strip(path, cut.entry.kind))

    def _link(self, below: Path) -> None:
        source, target = self.site / below, self.path / below
        try:
            target.hardlink_to(source)
        except OSError:  # another file system, or another user's file
            self.hard = False
            target.symlink_to(source)

    def _strip(self, path: str, kind: str) -> Path:
        target = self._stripped / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            command = ["strip", OPTIONS[kind], "-o", str(target), str(self.site / path)]
            subprocess.run(command, check=True)
        return target
