#!/usr/bin/env python3
"""cut_sizes.py: write cut-sizes.json, what each cut saves, as the images say that are here.

    docker/build cpu && docker/build gpu && python3 docker/cut_sizes.py

Of workload:cpu and workload:gpu, or of IMAGES="cpu=NAME gpu=NAME". `python
tests/support/doctor/fault_matrix.py` makes the table in README.md from it.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

OUT = Path(__file__).with_name("cut-sizes.json")
# One list for each layer; together they are one.
SHOW = (
    "import glob, json; print(json.dumps([e for p in glob.glob({!r}) for e in json.load(open(p))]))"
)
WRITTEN = "/opt/venv/share/workload/cuts-*.json"


def written(image: str) -> list[dict[str, Any]]:
    """What an image says was cut of it, or waits."""
    command = ["docker", "run", "--rm", image, "python", "-c", SHOW.format(WRITTEN)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(json.loads(found.stdout))


def saved_bytes(image: str) -> dict[str, int]:
    """What each cut saves in an image, by its id."""
    return {one["id"]: one["bytes_before"] - one["bytes_after"] for one in written(image)}


if __name__ == "__main__":
    images = dict(word.split("=", 1) for word in os.environ.get("IMAGES", "").split())
    sizes = {name: saved_bytes(images.get(name, f"workload:{name}")) for name in ("cpu", "gpu")}
    OUT.write_text(json.dumps(sizes, indent=2, sort_keys=True) + "\n", encoding="utf-8")
