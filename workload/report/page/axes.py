"""The axes of charts: range, scale and ticks."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

MAX_TICKS = 6
# Larger numbers in a file are not measurements, and the span of an axis would overflow.
LARGEST, LARGEST_ON_LOG = 1e15, 1e300
SMALLEST_SPAN = 1e-9
ROUNDING = 1e-9  # of a step: how far a value may lie beyond the last tick
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-3, 1e6  # other numbers are written with a power of ten

Label = Callable[[float], str]


@dataclass(frozen=True)
class Axis:
    """An axis. `title` includes the unit. `ticks` are values with labels.

    If `names` is true, the label of each tick is the name of a row.
    """

    title: str
    ticks: tuple[tuple[float, str], ...]
    low: float
    high: float
    log: bool = False
    names: bool = False

    def place(self, value: float) -> float:
        """Return the position of a value on the axis."""
        return math.log10(value) if self.log else value

    @property
    def span(self) -> tuple[float, float]:
        """The positions of both ends."""
        return self.place(self.low), self.place(self.high)


def on_log(value: float | None) -> bool:
    """Return whether a logarithmic axis can show the value."""
    return value is not None and 1 / LARGEST_ON_LOG < value < LARGEST_ON_LOG


def on_linear(value: float | None) -> bool:
    """Return whether a linear axis can show the value."""
    return value is not None and abs(value) < LARGEST


def plain(value: float) -> str:
    """Format a number, with a power of ten if it is very small or large.

    >>> plain(0.01), plain(1e-05), plain(1e9)
    ('0.01', '10⁻⁵', '10⁹')
    """
    if SMALLEST_PLAIN <= value < LARGEST_PLAIN:
        return f"{value:,.10g}".replace(",", NARROW_SPACE)
    power = math.floor(math.log10(value) + 1e-9)
    lead = value / 10.0**power
    front = "" if math.isclose(lead, 1) else f"{lead:.3g}·"
    return f"{front}10{str(power).translate(SUPERSCRIPTS)}"


def times(value: float) -> str:
    """Format a factor."""
    return f"{plain(value)}×"


def log_axis(title: str, values: Iterable[float], label: Label = plain) -> Axis:
    """Return a logarithmic axis around `values` that spans at least a factor of four.

    on_log() must hold for each value.
    """
    found = list(values)
    low, high = min(found), max(found)
    middle = math.sqrt(low) * math.sqrt(high)
    low, high = min(low / 1.15, middle / 2), max(high * 1.15, middle * 2)
    ticks = _thinned([tick for tick in _log_ticks(low, high) if low <= tick <= high])
    return Axis(title, tuple((tick, label(tick)) for tick in ticks), low, high, log=True)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten; if only a few fit, also 2 and 5 times each power."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    leads = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)  # noqa: PLR2004  decades
    return [lead * 10.0**power for power in powers for lead in leads]


def _thinned(ticks: list[float]) -> list[float]:
    return ticks[:: max(1, math.ceil(len(ticks) / MAX_TICKS))]


def size_axis(title: str, sizes: Iterable[int]) -> Axis:
    """Return a logarithmic axis with ticks at the sizes."""
    found = sorted(map(float, set(sizes)))
    ticks = tuple((size, f"{size:.0f}") for size in _thinned(found))
    return Axis(title, ticks, found[0] / 1.3, found[-1] * 1.3, log=True)


def linear_axis(title: str, values: Iterable[float], from_zero: bool = False) -> Axis:
    """Return a linear axis around `values`. on_linear() must hold for each value."""
    found = list(values)
    low, high = min([*found, 0.0] if from_zero else found), max(found)
    step = _round_step(max(high - low, SMALLEST_SPAN, abs(high) * SMALLEST_SPAN))
    first, last = math.floor(low / step + ROUNDING), math.ceil(high / step - ROUNDING)
    last = max(last, first + 1)
    ticks = tuple((index * step, f"{index * step:,.6g}") for index in range(first, last + 1))
    labelled = tuple((value, text.replace(",", NARROW_SPACE)) for value, text in ticks)
    return Axis(title, labelled, labelled[0][0], labelled[-1][0])


def _round_step(width: float) -> float:
    """Return 1, 2 or 5 times a power of ten, so that two to five steps span `width`."""
    rough = width / 5
    power = 10.0 ** math.floor(math.log10(rough))
    smallest = rough * (1 - ROUNDING / 10)
    return next(lead * power for lead in (1, 2, 5, 10) if lead * power >= smallest)


def rows_axis(names: Sequence[str]) -> Axis:
    """Return an axis with a row for each name, the first on top."""
    count = len(names)
    ticks = tuple((float(count - index), name) for index, name in enumerate(names))
    return Axis("", ticks, 0.5, count + 0.5, names=True)
