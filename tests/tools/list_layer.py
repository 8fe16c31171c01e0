#!/usr/bin/env python3
"""List the entries of a layer, a tar on stdin, in its order, with every field of their headers."""

import sys
import tarfile
from hashlib import sha256


def main() -> None:
    """Print one line per entry: SHA-256, type, mode, owner, time, other fields, path, target."""
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as layer:
        for entry in layer:
            content = layer.extractfile(entry) if entry.isfile() else None
            digest = sha256(content.read()).hexdigest() if content else "-"
            owner = f"{entry.uid}:{entry.gid} {entry.uname}:{entry.gname}"
            other = [f"{key}={value!r}" for key, value in sorted(entry.pax_headers.items())]
            target = ["->", entry.linkname] if entry.linkname else []
            kind = entry.type.decode()
            print(digest, kind, f"{entry.mode:o}", owner, entry.mtime, *other, entry.name, *target)


if __name__ == "__main__":
    main()
