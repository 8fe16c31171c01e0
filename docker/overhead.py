"""How much longer a product takes inside a container. Usage: overhead.py FOLDER.

The folder has records of `workload matmul` in `inside` and `outside`, made in alternation. Each
inside is divided by the outside beside it, so that what changes slowly on a machine cancels.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workload.core.statistics import median, median_interval

CASE = "matmul 1024 float32"


def main(folder: Path) -> None:
    """Print the ratio with its interval, and what it was measured on."""
    inside, outside = (read(folder / side) for side in ("inside", "outside"))
    counts = {record["device"]["threads"] for record in (*inside, *outside)}
    if len(counts) > 1:
        sys.exit(
            f"overhead: the processes took {sorted(counts)} threads, which would be what differs: "
            "repeat when the machine is idle"
        )
    ratios = paired_ratios(inside, outside)
    print(f"{CASE} on {inside[0]['device']['name']}, {len(ratios)} pairs of processes")
    for side, records in (("inside", inside), ("outside", outside)):
        threads = sorted({record["device"]["threads"] for record in records})
        middle = median([seconds(record) for record in records]) or 0.0
        counted = " or ".join(map(str, threads))
        print(f"{side:8}{middle * 1e3:.3f} ms a product, on {counted} threads")
    print(f"overhead inside / outside = {words(ratios)}")


def read(folder: Path) -> list[dict[str, Any]]:
    """The records, in the order of their start, which their names begin with."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def seconds(record: dict[str, Any]) -> float:
    """The median time of the product."""
    (found,) = (case for case in record["cases"] if case["name"] == CASE)
    return float(found["timing"]["median_sec"])


def paired_ratios(inside: list[dict[str, Any]], outside: list[dict[str, Any]]) -> list[float]:
    """Time inside over time outside, a ratio for each pair."""
    return [seconds(one) / seconds(other) for one, other in zip(inside, outside, strict=True)]


def words(ratios: Sequence[float]) -> str:
    """The median and its 95 % interval, where there are enough pairs for one."""
    interval = median_interval(ratios)
    known = "95 %: {:.4f} to {:.4f}".format(*interval) if interval else "too few pairs to tell"
    return f"{median(ratios):.4f} ({known})"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
