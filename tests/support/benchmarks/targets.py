"""Times and targets of a benchmark's rounds, as tables."""

import math
import statistics
from dataclasses import dataclass

from rich.table import Table

from workload.core.statistics import quantile
from workload.core.train_spec import PRESETS
from workload.core.units import format_seconds


@dataclass(frozen=True)
class Target:
    """A figure of each round, whose median is to lie between two limits."""

    name: str
    found: list[float]
    low: float = -math.inf
    high: float = math.inf

    @property
    def median(self) -> float:
        return statistics.median(self.found)

    @property
    def met(self) -> bool:
        return self.low <= self.median <= self.high

    @property
    def limits(self) -> str:
        if self.low > -math.inf and self.high < math.inf:
            return f"{self.low:g} to {self.high:g}"
        return f"≥ {self.low:g}" if self.high == math.inf else f"≤ {self.high:g}"


def targets_table(targets: list[Target]) -> Table:
    """Return a row for each target: its median and whether it is met."""
    table = Table("target", "median", "middle half", "limit", "verdict")
    for target in targets:
        verdict = "met" if target.met else "MISSED"
        row = (
            target.name,
            f"{target.median:.4g}",
            middle_half(target.found),
            target.limits,
            verdict,
        )
        table.add_row(*row)
    return table


def middle_half(found: list[float]) -> str:
    """Return the first and the third quartile."""
    low, high = (quantile(found, fraction) for fraction in (0.25, 0.75))
    return "-" if low == high else f"{low:.3g} to {high:.3g}"


def times_table(preset: str, seconds: dict[str, list[float]], steps: int) -> Table:
    """Return seconds per step, from samples of `steps` steps, and GFLOP/s of five matmuls."""
    spec = PRESETS[preset]
    table = Table(preset, "per step", "GFLOP/s")
    for name, taken in seconds.items():
        step = statistics.median(taken) / (spec.steps if "whole" in name else steps)
        rate = "-" if "dual" in name else f"{spec.step_flops / step / 1e9:.0f}"
        table.add_row(name, format_seconds(step), rate)
    return table
