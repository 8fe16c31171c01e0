"""A recorded sweep: every shape of a grid with its GFLOP/s, several times."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from workload.bench.search import cube
from workload.core.shape import Shape

FOLDER = Path(__file__).parents[1] / "sweeps"
# A reading this far below a shape's best was disturbed by another program and does not count:
# one that shares a core with it halves the rate, and the others lie within a few percent.
DISTURBED = 0.85


class Sweep:
    """What record_sweep.py wrote: readings of each shape of the grid, n varying fastest."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Of a parsed document; see `read`."""
        self.grid = cube(document["edges"])
        self.readings: dict[Shape, list[float]] = dict(
            zip(self.grid, document["gflops"], strict=True)
        )
        self.device: str = document["device"]

    def gflops(self, shape: Shape) -> float:
        """The rate of a shape: the median of its readings."""
        return median(self.readings[shape])

    def lacking(self, best: float, readings: int) -> list[Shape]:
        """Return the shapes with too few readings among the fastest share of the grid."""
        ranked = sorted(self.grid, key=lambda shape: -max(self.readings[shape], default=0))
        chosen = ranked[: round(best * len(ranked))]
        return [shape for shape in chosen if len(self.readings[shape]) < readings]

    def add(self, shape: Shape, gflops: float) -> None:
        """Add a reading with four digits, and drop those that it shows to be disturbed."""
        row = self.readings[shape]
        row[:] = undisturbed([*row, float(f"{gflops:.4g}")])


def undisturbed(row: list[float]) -> list[float]:
    """Return the readings of one shape that were not disturbed."""
    return [rate for rate in row if rate >= DISTURBED * max(row)]


def path_of(kind: str, dtype: str) -> Path:
    """Where the sweep of a kind of device lies."""
    return FOLDER / f"{kind}-{dtype}.json"


def read(path: Path) -> Sweep:
    """The sweep in a file."""
    return Sweep(json.loads(path.read_text()))
