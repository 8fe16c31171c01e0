#!/usr/bin/env python3
"""compare_builds.py A B: are two images layer by layer the same bytes, and if not, which differ?

Exit 0: every layer is the same. Exit 1: not, and every file that differs is named with what
differs in it. Asks the engine that `docker` talks to; needs nothing but Python.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import IO

CHUNK_BYTES = 1 << 20
SHOWN_MAX = 40  # differing files named of one layer; the rest is counted
TIME = "time_sec"


@dataclass(frozen=True)
class Member:
    """What a layer says of one file. Times are in seconds since 1970."""

    type: str
    mode: int
    uid: int
    gid: int
    size_bytes: int
    time_sec: float
    link: str
    sha256: str
    extended: str


def diff_ids(image: str) -> list[str]:
    """The digests of an image's uncompressed layers, base first."""
    form = "{{json .RootFS.Layers}}"
    asked = subprocess.run(
        ["docker", "image", "inspect", "--format", form, image],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise SystemExit(f"compare-builds: there is no image {image}: build or pull it")
    return list(json.loads(asked.stdout))


def members(layer: IO[bytes]) -> dict[str, Member]:
    """The files of a layer, by their paths."""
    with tarfile.open(fileobj=layer, mode="r|") as archive:
        return {
            info.name: member(info, archive.extractfile(info) if info.isreg() else None)
            for info in archive
        }


def member(info: tarfile.TarInfo, content: IO[bytes] | None) -> Member:
    """What is compared of one file; its content by its digest."""
    digest = hashlib.sha256()
    while content and (chunk := content.read(CHUNK_BYTES)):
        digest.update(chunk)
    times = ("mtime", "atime", "ctime")
    extended = {name: text for name, text in info.pax_headers.items() if name not in times}
    return Member(
        info.type.decode(),
        info.mode,
        info.uid,
        info.gid,
        info.size,
        info.mtime,
        info.linkname,
        digest.hexdigest(),
        json.dumps(extended, sort_keys=True),
    )


def layers(image: str, wanted: set[str]) -> dict[str, dict[str, Member]]:
    """The files of those layers of an image whose digests are wanted."""
    found: dict[str, dict[str, Member]] = {}
    with (
        subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving,
        tarfile.open(fileobj=saving.stdout, mode="r|") as archive,
    ):
        for info in archive:
            digest = f"sha256:{info.name.rpartition('/')[2]}"
            wants = info.isreg() and digest in wanted
            content = archive.extractfile(info) if wants else None
            if content:
                found[digest] = members(content)
    missing = wanted - found.keys()
    if missing:
        raise SystemExit(f"compare-builds: docker save shows no layer {missing.pop()} of {image}")
    return found


def differences(one: dict[str, Member], other: dict[str, Member]) -> list[str]:
    """A line for each file that differs between two layers, sorted by path.

    Those that differ in nothing but their time are counted in one line, at the end.
    """
    lines, untimely = [], []
    for path in sorted(one.keys() | other.keys()):
        if path not in one or path not in other:
            lines.append(f"{path}: only in the {'first' if path in one else 'second'}")
            continue
        before, after = asdict(one[path]), asdict(other[path])
        changed = [name for name in before if before[name] != after[name]]
        if changed == [TIME]:
            untimely.append(path)
        elif changed:
            words = (f"{name} {before[name]} / {after[name]}" for name in changed)
            lines.append(f"{path}: {', '.join(words)}")
    if untimely:
        lines.append(f"in their time alone: {len(untimely)}, the first {untimely[0]}")
    return lines or ["the same files in another order, or other bytes between them"]


def compare(one: str, other: str) -> bool:
    """Print both images' layers side by side, and what differs; whether all are the same."""
    pairs = list(zip_longest(diff_ids(one), diff_ids(other), fillvalue="none"))
    for number, (a, b) in enumerate(pairs):
        print(f"layer {number}  {a}  {'the same' if a == b else b}")
    unlike = [(number, a, b) for number, (a, b) in enumerate(pairs) if a != b]
    if not unlike:
        print(f"{len(pairs)} layers of {one} and {other}: the same bytes")
        return True
    ours = layers(one, {a for _, a, _ in unlike} - {"none"})
    theirs = layers(other, {b for _, _, b in unlike} - {"none"})
    for number, a, b in unlike:
        lines = differences(ours.get(a, {}), theirs.get(b, {}))
        more = len(lines) - SHOWN_MAX
        lines[SHOWN_MAX:] = [f"and {more} more"] if more > 0 else []
        print(f"layer {number} differs:", *lines, sep="\n  ")
    return False


if __name__ == "__main__":
    if len(sys.argv) != len(("script", "A", "B")):
        sys.exit(__doc__)
    sys.exit(0 if compare(*sys.argv[1:]) else 1)
