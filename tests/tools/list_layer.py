#!/usr/bin/env python3
"""List the entries of a layer, a tar on stdin, in its order, with every field of their headers."""

import sys
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from typing import IO


def entries(layer: IO[bytes]) -> Iterator[str]:
    """Yield one line per entry: SHA-256, type, mode, owner, time, other fields, path, target."""
    with tarfile.open(fileobj=layer, mode="r|") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() else None
            digest = sha256(content.read()).hexdigest() if content else "-"
            owner = f"{entry.uid}:{entry.gid} {entry.uname}:{entry.gname}"
            other = [f"{key}={value!r}" for key, value in sorted(entry.pax_headers.items())]
            target = ["->", entry.linkname] if entry.linkname else []
            kind, mode = entry.type.decode(), f"{entry.mode:o}"
            fields = [digest, kind, mode, owner, entry.mtime, *other, entry.name, *target]
            yield " ".join(str(field) for field in fields)


if __name__ == "__main__":
    for line in entries(sys.stdin.buffer):
        print(line)
