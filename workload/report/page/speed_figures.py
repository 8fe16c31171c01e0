"""Charts of rates: the roofline, GFLOP/s by size, and the speed-up of the GPU."""

from collections.abc import Iterable, Sequence

from workload.core.models.case import Case, Kind
from workload.core.models.rating import Ceilings
from workload.core.units import format_rate, plural
from workload.report.page.axes import log_axis, on_log, plain, rows_axis, size_axis, times
from workload.report.page.charts import Chart, Series
from workload.report.page.figures import (
    DTYPE_MARKERS,
    Figure,
    Key,
    dtype_keys,
    figure,
    in_order,
    look_of,
)
from workload.report.page.subjects import Speedup, Subject, short, title_of

RATE_TITLE = "GFLOP/s"
MAX_ROWS = 30
PAST_THE_POINTS = 3  # how far the axes extend beyond the points, as a factor


def roofline(subject: Subject) -> Figure | None:
    """Draw the rate of each case against its arithmetic intensity, and the ceilings.

    Return None without rates.
    """
    cases = [case for case in subject.cases if on_log(case.gflops) and case.bytes]
    if not cases:
        return None
    ceilings = subject.run.ceilings or Ceilings()
    dtypes = in_order({case.dtype for case in cases})
    xs = [_intensity(case) for case in cases] + _ridges(ceilings, dtypes)
    low, high = min(xs) / PAST_THE_POINTS, max(xs) * PAST_THE_POINTS
    ys = [case.gflops or 0.0 for case in cases]
    floor = min(ys) / PAST_THE_POINTS
    lines = [line for dtype in dtypes for line in _ceilings(ceilings, dtype, low, high, floor)]
    tops = [y for line in lines for _, y in line.points if y]
    chart = Chart(
        title=f"Roofline, {subject.name}",
        description=(
            f"Rates of {plural(len(cases), 'case')} by arithmetic intensity; both axes are "
            "logarithmic. Slanted lines show the memory bandwidth, horizontal lines the arithmetic "
            "rate."
        ),
        x=log_axis("FLOP per byte of memory traffic", [low, high]),
        y=log_axis(RATE_TITLE, [*ys, *tops]),
        series=(*lines, *_dots(cases)),
    )
    legend = [
        *dtype_keys(dtypes),
        Key("ceiling", "ceiling, measured", line=True),
        *(
            [Key("peak", "peak, datasheet or nominal", line=True)]
            if any(on_log(ceilings.peak_gflops.get(dtype)) for dtype in dtypes)
            else []
        ),
        *(
            [Key("hollow", "hollow: not a matmul")]
            if any(case.kind is not Kind.MATMUL for case in cases)
            else []
        ),
    ]
    caption = _roofline_caption(chart, ceilings)
    return figure(f"roofline-{look_of(subject)}", subject.name, chart, legend, caption)


def _roofline_caption(chart: Chart, ceilings: Ceilings) -> str:
    source = (
        f" Peak: {short(ceilings.peak_source, 200)}."
        if ceilings.peak_source
        else " No peak is known for this device."
    )
    return (
        f"{chart.description} Cases above the slanted line take their data from the caches. "
        f"Copies and launches compute nothing and are only in the table.{source}"
    )


def _intensity(case: Case) -> float:
    return case.flops / case.bytes


def _ridges(ceilings: Ceilings, dtypes: Iterable[str]) -> list[float]:
    """Return, for each dtype, the intensity above which arithmetic, not memory, limits the rate."""
    rates = [ceilings.measured_gflops.get(dtype) for dtype in dtypes]
    return [
        rate / ceilings.measured_gbs
        for rate in rates
        if rate and ceilings.measured_gbs and on_log(rate / ceilings.measured_gbs)
    ]


def _ceilings(
    ceilings: Ceilings, dtype: str, low: float, high: float, floor: float
) -> list[Series]:
    """Return the lines of the peak and of the measured ceiling of a dtype.

    A slanted line starts at the intensity `low`, but not below the rate `floor`.
    """
    series = []
    for look, rate, gbs in (
        ("peak", ceilings.peak_gflops.get(dtype), ceilings.peak_gbs),
        ("ceiling", ceilings.measured_gflops.get(dtype), ceilings.measured_gbs),
    ):
        if rate is None or not on_log(rate):
            continue
        slope = gbs or ceilings.measured_gbs
        ridge = rate / slope if slope and on_log(rate / slope) else low
        start = max(low, floor / slope) if slope else low
        points = [(ridge, rate), (max(high, ridge), rate)]
        if slope and gbs and start < ridge:
            points.insert(0, (start, start * slope))
        series.append(Series(f"{look} dtype-{dtype}", points))
    return series


def _dots(cases: Sequence[Case]) -> list[Series]:
    return [
        Series(
            look=f"dtype-{case.dtype}{'' if case.kind is Kind.MATMUL else ' hollow'}",
            points=[(_intensity(case), case.gflops)],
            notes=[_note(case)],
            line=False,
            dots=True,
            marker=DTYPE_MARKERS[case.dtype],
        )
        for case in cases
    ]


def _note(case: Case) -> str:
    rate = f"{format_rate(case.gflops or 0.0)} GFLOP/s"
    bound = f", {case.rating.regime.value}" if case.rating and case.rating.regime else ""
    return f"{title_of(case)}: {rate}{bound}"


def rates(subject: Subject) -> Figure | None:
    """Draw the GFLOP/s of square matmuls by size, with a line per dtype; None without any."""
    cases = [
        case
        for case in subject.cases
        if case.kind is Kind.MATMUL and len(set(case.shape)) == 1 and on_log(case.gflops)
    ]
    if not cases:
        return None
    dtypes = in_order({case.dtype for case in cases})
    series = []
    for dtype in dtypes:
        of = sorted((case for case in cases if case.dtype == dtype), key=lambda case: case.shape)
        points = [(float(case.shape[0]), case.gflops) for case in of]
        notes, marker = list(map(_note, of)), DTYPE_MARKERS[dtype]
        series.append(Series(f"dtype-{dtype}", points, notes, dots=True, marker=marker))
    chart = Chart(
        title=f"Rate by size, {subject.name}",
        description=f"Rates of {plural(len(cases), 'square matmul')} by size, with a line per "
        "dtype; both axes are logarithmic.",
        x=size_axis("edge of the matrices, elements", [case.shape[0] for case in cases]),
        y=log_axis(RATE_TITLE, [case.gflops or 0.0 for case in cases]),
        series=tuple(series),
    )
    return figure(f"rates-{look_of(subject)}", subject.name, chart, dtype_keys(dtypes))


def speedup_chart(found: Sequence[Speedup], cpu: Subject, gpu: Subject) -> Figure | None:
    """Draw the speed-up of the GPU, with a row per case; None without cases."""
    shown = [one for one in found if on_log(one.times)][:MAX_ROWS]
    if not shown:
        return None
    axis = rows_axis([one.title for one in shown])
    rows = [row for row, _ in axis.ticks]
    points = zip(rows, shown, strict=True)
    series = [
        Series("even", [(1.0, axis.low), (1.0, axis.high)]),
        *(
            Series(
                f"{look_of(gpu if one.times >= 1 else cpu)} stem",
                [(1.0, row), (one.times, row)],
                ["", f"{one.title}: {plain(float(f'{one.times:.3g}'))} times as fast"],
                dots=True,
            )
            for row, one in points
        ),
    ]
    chart = Chart(
        title=f"{gpu.name} against {cpu.name}",
        description=f"How many times as fast the {gpu.label} is as the {cpu.title}, "
        f"in {plural(len(shown), 'case')} that both ran; at 1× both are equally fast.",
        x=log_axis("times as fast", [1.0, *(one.times for one in shown)], times),
        y=axis,
        series=tuple(series),
    )
    return figure("speedups", f"Speed-up of {gpu.label} over {cpu.title}", chart)
