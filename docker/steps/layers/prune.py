"""prune.py PRUNE_TOML TARGET LAYERS: remove and strip installed files, as prune.toml says.

Runs while an image is built. Files that the -devel images keep move to LAYERS/devel. Exit code 1,
with nothing changed, if an entry is malformed, if it matches a file that it must not touch, or if
one of its patterns matches nothing on an architecture that prune.toml lists as `seen`.
"""

import csv
import os
import platform
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

SITE = "opt/venv/lib/python3.*/site-packages"
OPTIONS = {"strip-debug": "--strip-debug", "strip-symbols": "--strip-unneeded"}
# Licenses, and what a package records about itself.
PROTECTED = re.compile(
    r"(.*/)?(((un)?licen[sc]e|copying|copyright|notice|author)s?([.-][^/]*|_[^/.]*)?"
    r"|licen[sc]es/.*|[^/]*\.dist-info/.*)",
    re.IGNORECASE,
)
Files = dict[str, Path]  # by path relative to site-packages, as in a RECORD


@dataclass(frozen=True)
class Entry:
    """An entry of prune.toml, where the fields are explained."""

    package: str
    patterns: list[str]
    kind: str
    targets: list[str]
    reason: str
    architectures: list[str] = field(default_factory=list)
    keep_for_devel: bool = False
    wait_for_gpu: bool = False
    locked: dict[str, dict[str, str]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Identify the entry in a message."""
        return f"{self.kind} {self.package} {self.patterns[0]}"

    def matches(self, files: Files, every: bool) -> Files:
        """Return the files that the patterns match: `*` is anything but a slash, `**` anything."""
        found: Files = {}
        for pattern in self.patterns:
            parts = re.split(r"(\*\*|\*)", pattern)
            words = [{"*": "[^/]*", "**": ".*"}.get(part) or re.escape(part) for part in parts]
            fits = re.compile("".join(words)).fullmatch
            some = {path: file for path, file in files.items() if fits(path)}
            if every and not some:
                raise ValueError(f"{self}: {pattern} matches nothing")
            found |= some
        return found


def installed(layers: Path) -> Files:
    """Return the files in every layer's venv, without links."""
    return {
        os.path.relpath(path, site): path
        for site in sorted(layers.glob(f"*/{SITE}"))
        for path in sorted(site.parents[2].rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def owners(layers: Path) -> dict[str, set[str]]:
    """Return, for each path, the names of the packages whose RECORD lists it."""
    found: dict[str, set[str]] = {}
    for record in layers.glob(f"*/{SITE}/*.dist-info/RECORD"):
        name = re.sub(r"[-_.]+", "-", record.parent.name.split("-")[0]).lower()
        with record.open(encoding="utf-8", newline="") as lines:
            for path, *_ in csv.reader(lines):
                found.setdefault(os.path.normpath(path), set()).add(name)
    return found


def check(matches: list[tuple[Entry, Files]], owned: dict[str, set[str]]) -> None:
    """Raise ValueError if an entry has an unknown kind or matches a file it must not touch."""
    taken: dict[str, Entry] = {}
    for entry, path in ((entry, path) for entry, files in matches for path in files):
        packages = sorted(owned.get(path, {"no package"}))
        if entry.kind not in ("delete", *OPTIONS):
            raise ValueError(f"{entry}: kind must be delete, {' or '.join(OPTIONS)}")
        if PROTECTED.fullmatch(path):
            raise ValueError(f"{entry}: {path} is a license or package metadata")
        if not all(fnmatchcase(package, entry.package) for package in packages):
            raise ValueError(f"{entry}: {path} belongs to {' and '.join(packages)}")
        if taken.setdefault(path, entry) is not entry:
            raise ValueError(f"{entry}: {path} is also matched by: {taken[path]}")


def prune(entry: Entry, file: Path, layers: Path) -> int:
    """Strip, move or delete a file; return the bytes saved."""
    before = file.stat().st_size
    if entry.kind != "delete":
        subprocess.run(["strip", OPTIONS[entry.kind], file], check=True)
        return before - file.stat().st_size
    if entry.keep_for_devel:
        kept = layers / "devel" / Path(*file.relative_to(layers).parts[1:])
        kept.parent.mkdir(parents=True, exist_ok=True)
        file.rename(kept)
    else:
        file.unlink()
    for folder in file.parents:
        if any(folder.iterdir()):
            break
        folder.rmdir()
    return before


def main(path: Path, target: str, layers: Path) -> None:
    """Prune the layers of a target."""
    listed, machine = tomllib.loads(path.read_text(encoding="utf-8")), platform.machine()
    every_entry = [Entry(**fields) for fields in listed["prune"] if target in fields["targets"]]
    entries = [one for one in every_entry if machine in (one.architectures or [machine])]
    files, every = installed(layers), machine in listed["seen"][target]
    matches = [(entry, entry.matches(files, every)) for entry in entries]
    check(matches, owners(layers))
    (layers / "devel").mkdir(parents=True, exist_ok=True)
    for entry, found in matches:
        if not entry.wait_for_gpu:
            saved = sum(prune(entry, file, layers) for file in found.values())
            print(f"{saved / 1e6:8.1f} MB  {entry}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    except (ValueError, TypeError, KeyError) as error:
        sys.exit(f"prune: {error}")
