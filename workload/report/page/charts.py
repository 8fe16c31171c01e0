"""Draw a chart as SVG with pygal, which no other module uses.

The styles, scripts and links that pygal adds are removed. page.css styles every chart by class,
for light and dark themes. A chart runs no script and loads nothing.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workload.report.page.axes import Axis

# The size of a chart in pixels. Each chart is drawn once per width: if a wide chart is shrunk to
# fit a phone, its text cannot be read.
WIDE, NARROW = (560, 350), (330, 300)
FONT_SIZE = 12
# Used if the y axis is a list of names. In a narrow chart, each name is above its row.
ROW_HEIGHT, NARROW_ROW_HEIGHT = 27, 46
NAME_RISE = 18
DOT_RADIUS = 4

# Shapes for readers who cannot distinguish the colors: SVG paths around (0, 0) with radius 1.
MARKERS = {
    "square": "M-.9-.9h1.8v1.8h-1.8z",
    "diamond": "M0-1.25 1.25 0 0 1.25-1.25 0z",
    "triangle": "M0-1.2 1.15.85h-2.3z",
    "wedge": "M0 1.2 1.15-.85h-2.3z",
}
KEPT_DECIMALS = re.compile(r"(\d+\.\d)\d+")


@dataclass(frozen=True)
class Series:
    """Points that look the same. A point without y interrupts the line.

    `look` contains CSS classes of page.css. `notes` are the tooltips of the points.
    """

    look: str
    points: Sequence[tuple[float, float | None]]
    notes: Sequence[str] = ()
    line: bool = True
    dots: bool = False
    marker: str | None = None  # a name in MARKERS; None: a circle


@dataclass(frozen=True)
class Chart:
    """The content of a chart, with a title and a description for screen readers."""

    title: str
    description: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]


def draw(chart: Chart, name: str, narrow: bool = False) -> str:
    """Draw the chart as an `svg` element. `name` must be unique on the page."""
    pygal = _library()
    width, height = NARROW if narrow else WIDE
    if chart.y.names:
        height = 70 + (NARROW_ROW_HEIGHT if narrow else ROW_HEIGHT) * len(chart.y.ticks)
    names_above = chart.y.names and narrow
    plot = pygal.XY(
        width=width,
        height=height,
        style=pygal.style.Style(label_font_size=FONT_SIZE, title_font_size=FONT_SIZE),
        css=(),
        js=(),
        show_legend=False,
        allow_interruptions=True,
        truncate_label=-1,
        margin=4,
        margin_right=26,
        spacing=8,
        x_title=chart.x.title,
        y_title=None if chart.y.names else chart.y.title,
        x_labels=_labels(chart.x),
        y_labels=_labels(chart.y, nameless=names_above),
        xrange=chart.x.span,
        range=chart.y.span,
    )
    for series in chart.series:
        points = _placed(chart, series)
        plot.add(None, points, stroke=series.line, show_dots=series.dots, dots_size=DOT_RADIUS)
    plot.add_xml_filter(lambda root: _ours(root, chart, name, names_above))
    return str(plot.render(is_unicode=True, disable_xml_declaration=True))


def _library() -> Any:
    """Import pygal, which only a report needs, and remove its import hook.

    The hook serves plugins that are not used here, and makes Python 3.11 warn at every later
    import. Hooks of pygal's dependencies are kept: importlib_metadata disables the finder of the
    standard library when it adds its own.
    """
    import pygal  # type: ignore[import-untyped]  # noqa: PLC0415

    sys.meta_path[:] = [
        hook for hook in sys.meta_path if not isinstance(hook, pygal.PluginImportFixer)
    ]
    return pygal


def _labels(axis: Axis, nameless: bool = False) -> list[dict[str, Any]]:
    return [
        {"value": axis.place(value), "label": "" if nameless else label}
        for value, label in axis.ticks
    ]


def _placed(chart: Chart, series: Series) -> list[dict[str, Any]]:
    notes = [*series.notes, *[""] * (len(series.points) - len(series.notes))]
    return [
        {
            "value": (chart.x.place(x), None if y is None else chart.y.place(y)),
            "tooltip": note,
        }
        for (x, y), note in zip(series.points, notes, strict=True)
    ]


def _ours(root: Any, chart: Chart, name: str, names_above: bool) -> Any:
    """Remove the elements that the page does not use, and set the chart's texts and classes."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or _is_foreign(parent, child):
                parent.remove(child)
    for group in root.iter("g"):
        _dress(group, chart.series)
    if names_above:
        _name_rows(root, [label for _, label in chart.y.ticks])
    for node in root.iter():
        for key in {"d", "x", "y", "cx", "cy"} & set(node.attrib):
            node.attrib[key] = KEPT_DECIMALS.sub(r"\1", node.attrib[key])
    for place, (tag, words) in enumerate((("title", chart.title), ("desc", chart.description))):
        node = root.makeelement(tag, {"id": f"{name}-{tag}"})
        node.text = words
        root.insert(place, node)
    for key in [key for key in root.attrib if key != "viewBox"]:
        del root.attrib[key]
    root.attrib.update(role="img", **{"aria-labelledby": f"{name}-title {name}-desc"})
    return root


def _is_foreign(parent: Any, child: Any) -> bool:
    """Return whether `child` is a definition, tooltip data, a background or an empty group."""
    notes = parent.get("class") == "dots" and child.tag == "title" and child.text
    return (
        child.tag in ("defs", "desc")
        or (child.tag == "title" and not notes)
        or child.get("class") in ("background", "plot tooltip-overlay", "plot text-overlay")
    )


def _name_rows(root: Any, names: Sequence[str]) -> None:
    """Write each name above its row, at the left end, on top of the grid lines."""
    groups = {group.get("class", ""): group for group in root.iter("g")}
    axis, overlay = groups["axis y always_show"], groups["plot overlay"]
    for guides, name in zip(axis.findall("g"), names, strict=True):
        text = guides.find("text")
        guides.remove(text)
        text.text = name
        text.attrib.update({"x": "0", "class": "row-name"})
        text.set("y", f"{float(text.get('y')) - NAME_RISE:.1f}")
        overlay.append(text)


def _dress(group: Any, series: Sequence[Series]) -> None:
    """Set the class of a series' group and the shape of its dots."""
    number = re.match(r"series serie-(\d+) ", group.get("class", ""))
    if not number:
        return
    one = series[int(number[1])]
    group.set("class", f"series {one.look}")
    for dot in group.iter("circle"):
        dot.attrib["class"] = "dot"
        if one.marker:
            x, y, radius = (float(dot.attrib.pop(key)) for key in ("cx", "cy", "r"))
            dot.tag = "path"
            dot.set("d", MARKERS[one.marker])
            dot.set("transform", f"translate({x:.1f} {y:.1f}) scale({radius:g})")
