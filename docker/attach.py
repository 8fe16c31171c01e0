#!/usr/bin/env python3
"""Sign what `make publish` pushed, and attach to each digest what is known of it.

    python3 docker/attach.py [RECORDS]

Reads results/published.json. Signs each index and all that it joins, keylessly, with cosign;
attests results/sbom-TARGET.cdx.json, and attaches it and the JSON files below RECORDS/TARGET as OCI
referrers, with oras. All of it belongs to a digest, which no tag can take elsewhere.
DRY_RUN=1 prints the commands. Exit 1: a command failed, and none after it ran. Exit 2: nothing
was published.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "results/published.json"
BILL = "application/vnd.cyclonedx+json"
RECORD = "application/vnd.workload.record.v1+json"


def attached(kind: str, image: str, files: list[str]) -> list[str]:
    """The command that attaches files to an image, as one artifact of a kind."""
    named = [f"{file}:application/json" for file in files]
    return ["oras", "attach", "--artifact-type", kind, image, *named]


def commands(target: str, image: str, records: str | None) -> Iterator[list[str]]:
    """What signs and describes an image, a name with its digest. Paths are below ROOT."""
    yield ["cosign", "sign", "--yes", "--recursive", image]
    bill = f"results/sbom-{target}.cdx.json"
    if (ROOT / bill).exists():
        signed = ["cosign", "attest", "--yes", "--type", "cyclonedx", "--predicate", bill]
        yield [*signed, image]
        yield attached(BILL, image, [bill])
    found = (ROOT / records / target).rglob("*.json") if records else []
    if files := sorted(str(path.relative_to(ROOT)) for path in found):
        yield attached(RECORD, image, files)


def main(records: str | None) -> None:
    """Run or print every command, image by image."""
    if not PUBLISHED.exists():
        print(f"attach: there is no {PUBLISHED}: make publish writes it", file=sys.stderr)
        raise SystemExit(2)
    for target, pushed in json.loads(PUBLISHED.read_text()).items():
        for command in commands(target, pushed["image"], records):
            print(shlex.join(command), flush=True)
            if os.environ.get("DRY_RUN") == "1":
                continue
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                print(f"attach: {command[0]} failed for {pushed['tag']}", file=sys.stderr)
                raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else None)
