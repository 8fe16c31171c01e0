"""How a step scales, as a table for a terminal. Pure."""

from collections.abc import Iterable

from workload.core.models.scaling import ScalingPoint
from workload.core.units import format_seconds
from workload.report.terminal.case_table import percent
from workload.report.terminal.tables import Grid

HEADERS = ("scaling", "ranks", "batch", "step", "communication", "efficiency")


def scaling_table(points: Iterable[ScalingPoint]) -> Grid:
    """Return a row for each number of ranks."""
    rows = tuple(
        (
            point.kind,
            str(point.ranks),
            str(point.batch_size),
            "-" if point.median_step_sec is None else format_seconds(point.median_step_sec),
            percent(point.communication_share),
            percent(point.efficiency),
        )
        for point in points
    )
    return Grid(HEADERS, rows, numbers=HEADERS[1:])
