"""The parts of every figure: a chart in two widths, a legend and a caption."""

from collections.abc import Sequence
from dataclasses import dataclass

from workload.core.units import DTYPE_BYTES
from workload.report.page.charts import MARKERS, Chart, draw
from workload.report.page.subjects import Subject

# Shapes distinguish the dtypes for readers who cannot distinguish the colors.
DTYPE_MARKERS: dict[str, str | None] = dict(zip(DTYPE_BYTES, (None, *MARKERS), strict=True))


@dataclass(frozen=True)
class Key:
    """One entry of a legend: a line, or a dot with the shape `outline`."""

    look: str
    text: str
    line: bool = False
    outline: str | None = None  # the shape's path; None: a circle


@dataclass(frozen=True)
class Figure:
    """A chart as SVG in two widths, `wide` and `narrow`: the style sheet shows one of them."""

    name: str
    heading: str
    caption: str
    legend: tuple[Key, ...]
    wide: str
    narrow: str


def figure(
    name: str, heading: str, chart: Chart, legend: Sequence[Key] = (), caption: str = ""
) -> Figure:
    """Draw the chart; without a `caption`, the chart's description is the caption."""
    return Figure(
        name=name,
        heading=heading,
        caption=caption or chart.description,
        legend=tuple(legend),
        wide=draw(chart, f"{name}-wide"),
        narrow=draw(chart, f"{name}-narrow", narrow=True),
    )


def dtype_keys(dtypes: Sequence[str]) -> list[Key]:
    """Return a legend of dtypes."""
    return [
        Key(f"dtype-{dtype}", dtype, outline=MARKERS.get(DTYPE_MARKERS[dtype] or ""))
        for dtype in dtypes
    ]


def look_of(subject: Subject) -> str:
    """Return the CSS class that sets a device's color."""
    return f"side-{subject.label.lower().replace(' ', '-')}"


def in_order(dtypes: set[str]) -> list[str]:
    """Sort dtypes from the widest to the narrowest."""
    return [dtype for dtype in DTYPE_BYTES if dtype in dtypes]


def thinned(count: int, most: int) -> list[int]:
    """Return at most `most` evenly spaced indices below `count`, including both ends."""
    if count <= most:
        return list(range(count))
    return sorted({round(index * (count - 1) / (most - 1)) for index in range(most)})
