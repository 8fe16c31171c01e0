"""cut.py CUTS TARGET LAYERS: take out of installed layers what the list of cuts says.

Run while the image is built. What was cut of a layer is written into it, as
/opt/venv/share/workload/cuts-LAYER.json; what -devel images keep moves to LAYERS/devel. What ends
it with 1: a pattern without a file (on the machine that the list was made for), a file in two cuts
or of another package than the cut names, a licence, and a strip that saves nothing.
"""

import csv
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cuts import Cut, of, pattern, read

# Whose wheels the patterns were read in. Another's lack some: aarch64 has one NVRTC, not two.
MACHINE = "x86_64"
LAYERS = ("cuda", "torch", "common")
VENV = Path("opt/venv")
SITES = f"{VENV}/lib/python3.*/site-packages"
ACCOUNTS = VENV / "share/workload"
# What a distribution is passed on under, and what it says of itself: never cut.
KEPT = re.compile(
    r"(.*/)?(((un)?licen[sc]e|copying|copyright|notice|author)s?([.-][^/]*|_[^/.]*)?"
    r"|licen[sc]es/.*|[^/]*\.dist-info/.*)",
    re.IGNORECASE,
)
STRIP = {"strip-debug": "--strip-debug", "strip-symbols": "--strip-unneeded"}


@dataclass(frozen=True)
class File:
    """A file of a layer, and its path as a RECORD has it, relative to site-packages."""

    layer: str
    path: str
    place: Path


class UnfitError(Exception):
    """The list and what is installed do not fit."""


def installed(layers: Path) -> list[File]:
    """Every file of the layers; links are none."""
    sites = [(layer, site) for layer in LAYERS for site in sorted((layers / layer).glob(SITES))]
    return [
        File(layer, os.path.relpath(place, site), place)
        for layer, site in sites
        for place in sorted((layers / layer / VENV).rglob("*"))
        if place.is_file() and not place.is_symlink()
    ]


def matched(cuts: Sequence[Cut], files: Sequence[File]) -> dict[str, list[File]]:
    """The files of each cut, by its id; raises UnfitError where the list is stale or cuts twice."""
    found: dict[str, list[File]] = {}
    owner: dict[str, str] = {}
    for cut in cuts:
        for words in cut.paths:
            fits = pattern(words).fullmatch
            if platform.machine() == MACHINE and not any(fits(file.path) for file in files):
                raise UnfitError(f"{cut.id}: nothing installed fits {words}: mend cuts.toml")
        found[cut.id] = [file for file in files if cut.matches(file.path)]
        for file in found[cut.id]:
            if owner.setdefault(file.path, cut.id) != cut.id:
                raise UnfitError(f"{file.path} is in two cuts, {owner[file.path]} and {cut.id}")
        if len({file.layer for file in found[cut.id]}) > 1:
            raise UnfitError(f"{cut.id}: its files are in two layers: make it two cuts")
    return found


def owners(layers: Path) -> dict[str, set[str]]:
    """The distributions that say a path is theirs, in their RECORDs."""
    found: dict[str, set[str]] = {}
    for record in sorted(layers.glob(f"*/{SITES}/*.dist-info/RECORD")):
        name = re.sub(r"[-_.]+", "-", record.parent.name.split("-")[0]).lower()
        with record.open(encoding="utf-8", newline="") as lines:
            for path, *_ in csv.reader(lines):
                found.setdefault(os.path.normpath(path), set()).add(name)
    return found


def check(cut: Cut, files: Sequence[File], owners: dict[str, set[str]]) -> None:
    """Raise UnfitError where a cut takes a licence, or a file of another package than its own."""
    for path in (file.path for file in files):
        if KEPT.fullmatch(path):
            raise UnfitError(f"{cut.id}: {path} is a licence or an account, which stays")
        of_whom = sorted(owners.get(path, {"no package"}))
        if not all(fnmatchcase(name, cut.package) for name in of_whom):
            raise UnfitError(f"{cut.id}: {path} is of {' and '.join(of_whom)}, not {cut.package}")


def apply(cut: Cut, files: Sequence[File], layers: Path) -> dict[str, Any]:
    """Make a cut, or find out what one that waits would save; what to record of it."""
    before = sum(file.place.stat().st_size for file in files)
    digests: dict[str, tuple[str, str]] = {}
    after = 0
    for file in files:
        if cut.kind != "delete":
            stripped = strip(file.place, STRIP[cut.kind])
            after += stripped.stat().st_size
            if cut.wait_for_gpu:
                stripped.unlink()
            else:
                digests[file.path] = (digest(file.place), digest(stripped))
                stripped.replace(file.place)
        elif not cut.wait_for_gpu:
            remove(file, layers / "devel" if cut.devel == "keeps" else None, layers)
    if after >= before:
        raise UnfitError(f"{cut.id}: it saves nothing: mend cuts.toml")
    about = {"id": cut.id, "package": cut.package, "kind": cut.kind, "files": len(files)}
    counted = {"bytes_before": before, "bytes_after": after, "applied": not cut.wait_for_gpu}
    return about | counted | ({"digests": digests} if digests else {})


def strip(place: Path, option: str) -> Path:
    """A stripped copy of a library, beside it."""
    to = place.with_name(f"{place.name}.stripped")
    subprocess.run(["strip", option, "-o", to, place], check=True)
    to.chmod(place.stat().st_mode)
    return to


def remove(file: File, keep: Path | None, layers: Path) -> None:
    """Remove a file, or move it into the layer `keep`, and folders that are empty then."""
    if keep:
        to = keep / file.place.relative_to(layers / file.layer)
        to.parent.mkdir(parents=True, exist_ok=True)
        file.place.rename(to)
    else:
        file.place.unlink()
    folder = file.place.parent
    while not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def digest(place: Path) -> str:
    """A file's digest as a RECORD has it."""
    with place.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").digest()
    return urlsafe_b64encode(found).rstrip(b"=").decode()


def main(cuts: Path, target: str, layers: Path) -> None:
    """Make the cuts of a target, and write down what was cut of each layer."""
    chosen = of(target, read(cuts))
    files = matched(chosen, installed(layers))
    owned = owners(layers)
    for cut in chosen:
        check(cut, files[cut.id], owned)
    (layers / "devel").mkdir(parents=True, exist_ok=True)
    made: dict[str, list[dict[str, Any]]] = {}
    for cut in (cut for cut in chosen if files[cut.id]):
        entry = apply(cut, files[cut.id], layers)
        made.setdefault(files[cut.id][0].layer, []).append(entry)
        saved = entry["bytes_before"] - entry["bytes_after"]
        state = "cut" if entry["applied"] else "waits for a GPU"
        print(f"{cut.id:24} {saved / 1e6:8.1f} MB  {state}")
    for layer, entries in made.items():
        folder = layers / layer / ACCOUNTS
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(entries, indent=1, sort_keys=True)
        (folder / f"cuts-{layer}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    list_, target, layers = sys.argv[1:]
    try:
        main(Path(list_), target, Path(layers))
    except (UnfitError, ValueError) as error:
        sys.exit(f"cut: {error}")
