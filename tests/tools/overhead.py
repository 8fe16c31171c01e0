"""Compare the time of a matmul inside and outside a container, by the same locked packages.

    docker/build cpu && docker/host/make-venv cpu
    docker/host/in-host cpu python tests/tools/overhead.py --pairs 10

The processes run in pairs, in alternating order. Each time inside is divided by the time outside of
the same pair, so that slow changes of the machine cancel out. The records are in results/overhead.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workload.core.statistics import median, median_interval

ROOT = Path(__file__).parents[2]
SIDES = {"inside": "docker/host/in-docker", "outside": "docker/host/in-host"}
VERSION = ("-c", "import torch; print(torch.__version__)")
MATMUL = (
    *("-m", "workload", "matmul", "--device", "cpu", "--sizes", "1024", "--dtypes", "float32"),
    *("--budget", "2", "--json", "--output", "results/overhead"),
)
Record = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=10)
    pairs = parser.parse_args().pairs
    versions = {side: python(side, *VERSION) for side in SIDES}
    if len(set(versions.values())) > 1:
        print(f"overhead: torch differs: {versions}: make both again", file=sys.stderr)
        return 4
    records: dict[str, list[Record]] = {side: [] for side in SIDES}
    for pair in range(pairs):
        for side in sorted(SIDES, reverse=pair % 2 == 1):
            records[side].append(json.loads(python(side, *MATMUL)))
            print(f"overhead: {side}, pair {pair + 1} of {pairs}", file=sys.stderr)
    print(summary(records["inside"], records["outside"]))
    return 0


def python(side: str, *words: str) -> str:
    """Return what a Python of one side prints; raise SystemExit if it fails."""
    command = [str(ROOT / SIDES[side]), "cpu", "python", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        print(f"overhead: {side}: {ended.stderr}", file=sys.stderr)
        raise SystemExit(ended.returncode)
    return ended.stdout.strip()


def summary(inside: Sequence[Record], outside: Sequence[Record]) -> str:
    """The ratio with its 95 % interval; raises SystemExit if the threads differ."""
    threads = {record["device"]["threads"] for record in (*inside, *outside)}
    if len(threads) > 1:
        raise SystemExit(f"overhead: the processes use {sorted(threads)} threads: repeat")
    ratios = [seconds(one) / seconds(other) for one, other in zip(inside, outside, strict=True)]
    interval = median_interval(ratios)
    known = "95 %: {:.4f} to {:.4f}".format(*interval) if interval else "too few pairs to tell"
    return f"inside / outside = {median(ratios):.4f} ({known}), {len(ratios)} pairs"


def seconds(record: Record) -> float:
    """The median time of the one matmul."""
    (case,) = (case for case in record["cases"] if case["kind"] == "matmul")
    return float(case["timing"]["median_sec"])


if __name__ == "__main__":
    sys.exit(main())
