"""Axes and charts: every value has a place, ticks are round and few, words are escaped."""

import math
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workload.core.units import format_seconds
from workload.report.page.axes import (
    LARGEST,
    MAX_TICKS,
    Axis,
    linear_axis,
    log_axis,
    on_linear,
    on_log,
    plain,
    rows_axis,
    size_axis,
    times,
)
from workload.report.page.charts import MARKERS, Chart, Series, draw
from workload.report.page.figures import thinned

LOG_VALUES = st.lists(st.floats(1e-299, 1e299), min_size=1, max_size=20)
LINEAR_VALUES = st.lists(st.floats(-LARGEST / 2, LARGEST / 2), min_size=1, max_size=20)


def holds(axis: Axis, values: list[float]) -> bool:
    """Whether every value lies between the ends, but for rounding."""
    width = axis.high - axis.low
    return all(axis.low - 1e-9 * width <= value <= axis.high + 1e-9 * width for value in values)


@given(LOG_VALUES)
def test_a_logarithmic_axis_holds_its_values(values: list[float]) -> None:
    axis = log_axis("x", values)
    assert holds(axis, values)
    assert 1 <= len(axis.ticks) <= MAX_TICKS
    assert all(axis.low <= tick <= axis.high for tick, _ in axis.ticks)


@given(LINEAR_VALUES)
@example([1e-5, -1.2e-172])  # less below the first tick than rounding
def test_a_linear_axis_holds_its_values(values: list[float]) -> None:
    axis = linear_axis("x", values)
    assert holds(axis, values)
    assert 2 <= len(axis.ticks) <= MAX_TICKS + 1
    assert axis.low < axis.high


@given(st.floats())
def test_what_is_on_an_axis_has_a_finite_place(value: float) -> None:
    if on_log(value):
        assert math.isfinite(math.log10(value))
    if on_linear(value):
        assert abs(value) < LARGEST


@pytest.mark.parametrize("value", [None, 0.0, -1.0, math.inf, math.nan, 1e-320])
def test_what_has_no_logarithm_is_not_drawn(value: float | None) -> None:
    assert not on_log(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [(1.0, "1"), (0.001, "0.001"), (1e5, "100\u202f000"), (1e6, "10⁶"), (5e6, "5·10⁶")],
)
def test_numbers_are_written_as_people_write_them(value: float, words: str) -> None:
    assert plain(value) == words


def test_ticks_of_time_have_the_unit_that_suits_them() -> None:
    labels = [label for _, label in log_axis("time", [1e-6, 1.0], format_seconds).ticks]
    assert labels[0].endswith(" µs")
    assert labels[-1].endswith(" s")


def test_sizes_are_their_own_ticks() -> None:
    assert [label for _, label in size_axis("edge", [2048, 512, 512]).ticks] == ["512", "2048"]


def test_a_factor_says_times() -> None:
    assert times(10.0) == "10×"


@given(st.integers(0, 10_000), st.integers(2, 200))
def test_thinning_keeps_the_first_and_the_last(count: int, most: int) -> None:
    places = thinned(count, most)
    assert len(places) <= most
    assert places == sorted(set(places))
    assert places[:1] == [0] * bool(count)
    assert places[-1:] == [count - 1] * bool(count)


def chart(series: tuple[Series, ...], y: Axis | None = None, title: str = "a title") -> Chart:
    x = log_axis("x, in units", [1.0, 100.0])
    return Chart(title, "a description", x, y or linear_axis("y, in units", [0.0, 1.0]), series)


def test_drawing_leaves_imports_and_metadata_as_they_were() -> None:
    code = (
        "import importlib.metadata, sys\n"
        "from workload.report.page import axes, charts\n"
        "axis = axes.linear_axis('x', [0, 1])\n"
        "line = charts.Series('look', [(0, 0), (1, 1)])\n"
        "charts.draw(charts.Chart('t', 'd', axis, axis, (line,)), 'n')\n"
        "assert 'pygal' in sys.modules\n"
        "assert not [h for h in sys.meta_path if type(h).__name__ == 'PluginImportFixer']\n"
        "assert importlib.metadata.version('rich')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("narrow", [True, False])
def test_words_of_a_chart_are_escaped(narrow: bool) -> None:
    words = "</title></svg><script>alert('\"&amp;')</script>"
    series = Series("look", [(1.0, 1.0)], [words], dots=True)
    drawing = draw(chart((series,), rows_axis([words]), title=words), "name", narrow)
    assert "<script" not in drawing
    root = ElementTree.fromstring(drawing)  # noqa: S314  ours
    texts = [node.text for node in root.iter() if node.text]
    assert texts.count(words) == 3  # its title, the row's name, the point's note


@pytest.mark.parametrize("marker", [None, *MARKERS])
def test_every_marker_is_a_dot_with_its_note(marker: str | None) -> None:
    series = Series("look", [(10.0, 0.5)], ["a note"], line=False, dots=True, marker=marker)
    root = ElementTree.fromstring(draw(chart((series,)), "name"))  # noqa: S314  ours
    (dot,) = (node for node in root.iter() if node.get("class") == "dot")
    assert dot.tag == ("path" if marker else "circle")
    assert [node.text for node in root.iter("title")] == ["a title", "a note"]


def test_a_chart_has_the_titles_of_its_axes_with_their_units() -> None:
    drawing = draw(chart((Series("look", [(1.0, 0.0), (100.0, 1.0)]),)), "name")
    assert "x, in units" in drawing
    assert "y, in units" in drawing


def test_a_chart_brings_no_style_script_or_address() -> None:
    drawing = draw(chart((Series("look", [(1.0, 0.0), (100.0, 1.0)]),)), "name")
    for word in ("<style", "<script", "http", "xlink", "<!--", "pygal", "tooltip"):
        assert word not in drawing


def test_a_missing_value_interrupts_a_line() -> None:
    series = Series("look", [(1.0, 0.0), (2.0, 1.0), (3.0, None), (4.0, 0.0), (5.0, 1.0)])
    assert draw(chart((series,)), "name").count('class="line reactive') == 2


def test_names_stand_above_their_rows_on_a_narrow_chart() -> None:
    rows = rows_axis(["first", "second"])
    series = (Series("look", [(1.0, 2.0), (10.0, 2.0)]),)
    assert draw(chart(series, rows), "name").count("row-name") == 0
    assert draw(chart(series, rows), "name", narrow=True).count("row-name") == 2
