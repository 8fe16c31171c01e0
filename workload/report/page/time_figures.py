"""Charts over time: the loss at each step, the step times and the GPU's telemetry."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.timing import Telemetry
from workload.core.models.train import TrainResult
from workload.core.statistics import median, quantile
from workload.core.train_case import spec_of, train_case
from workload.core.units import format_seconds, plural
from workload.report.page.axes import (
    linear_axis,
    log_axis,
    on_linear,
    on_log,
    rows_axis,
)
from workload.report.page.charts import Chart, Series
from workload.report.page.figures import Figure, Key, figure, look_of, thinned
from workload.report.page.subjects import Subject, short, title_of
from workload.report.terminal.summary import rounding_words

MAX_LOSSES, MAX_DOTS, MAX_READINGS = 160, 80, 400  # points drawn per line or row
MAX_FIGURES = 4  # charts of losses
MAX_ROWS = 16
# The multiples of this number modulo 1 are spread evenly: the dots of a row do not overlap.
GOLDEN = 0.618034
JITTER, MEDIAN_HEIGHT = 0.36, 0.5  # of a row

Point = tuple[float, float | None]


def losses(chosen: Sequence[Subject]) -> list[Figure]:
    """Draw a chart for each training configuration, with a line for each device that ran it."""
    found: dict[tuple[object, ...], list[tuple[Subject, TrainResult]]] = {}
    for subject in chosen:
        for result in subject.run.trainings:
            if any(map(on_log, result.losses)):
                # The number of steps does not matter.
                job = (result.mode, replace(spec_of(result), steps=1))
                found.setdefault(job, []).append((subject, result))
    groups = list(found.values())[:MAX_FIGURES]
    return [_losses(f"loss-{index}", group) for index, group in enumerate(groups)]


def _losses(name: str, group: Sequence[tuple[Subject, TrainResult]]) -> Figure:
    lines = [(subject, _trajectory(result)) for subject, result in group]
    values = [y for _, points in lines for _, y in points if y is not None]
    last = max(x for _, points in lines for x, _ in points)
    # The first line is broad and pale, so that it stays visible below another line.
    looks = [
        f"{look_of(subject)} {'under' if index == 0 and len(lines) > 1 else 'over'}"
        for index, (subject, _) in enumerate(lines)
    ]
    chart = Chart(
        title=f"Loss, {title_of(train_case(group[0][1], 'cpu'))}",
        description="Loss at each step, before its weight update, on a logarithmic axis.",
        x=linear_axis("step", [last], from_zero=True),
        y=log_axis("loss, sum of squared errors", values),
        series=tuple(Series(look, points) for look, (_, points) in zip(looks, lines, strict=True)),
    )
    ends = zip(looks, group, strict=True)
    legend = [
        Key(look, f"{subject.name}: {_ending(result)}", line=True)
        for look, (subject, result) in ends
    ]
    return figure(name, title_of(train_case(group[0][1], "cpu")), chart, legend)


def _trajectory(result: TrainResult) -> list[Point]:
    places = thinned(len(result.losses), MAX_LOSSES)
    pairs = [(float(place + 1), result.losses[place]) for place in places]
    return [(step, loss if on_log(loss) else None) for step, loss in pairs]


def _ending(result: TrainResult) -> str:
    if result.diverged_at_step is not None:
        return f"diverged at step {result.diverged_at_step}"
    final = result.final_loss
    if final is None:
        return "no loss"
    words = rounding_words(result)
    return f"{final:.3g} at step {len(result.losses)}{f' ({words})' if words else ''}"


def step_times(chosen: Sequence[Subject]) -> Figure | None:
    """Draw the step times, with a row for each training run; None without step times."""
    rows = _step_rows(chosen)[:MAX_ROWS]
    if not rows:
        return None
    axis = rows_axis([f"{name}, {subject.label}" for name, subject, _ in rows])
    series: list[Series] = []
    for (row, _), (_, subject, samples) in zip(axis.ticks, rows, strict=True):
        series += _row(row, look_of(subject), samples)
    chart = Chart(
        title="Times of a training step",
        description="Each dot is a sample, the mean of a batch of steps. The bar is the middle "
        "half of the samples, and the vertical line is their median.",
        x=log_axis(
            "time of a step, logarithmic",
            [sec for *_, samples in rows for sec in samples],
            format_seconds,
        ),
        y=axis,
        series=tuple(series),
    )
    return figure("step-times", "All training runs", chart)


def _step_rows(chosen: Sequence[Subject]) -> list[tuple[str, Subject, list[float]]]:
    """Return a row per training run; rows of the same training on several devices are adjacent."""
    rows = [
        (title_of(case).removeprefix("train "), subject, _samples(case))
        for subject in chosen
        for case in subject.cases
        if case.kind is Kind.TRAIN and case.status is CaseStatus.OK
    ]
    order = list(dict.fromkeys(name for name, *_ in rows))
    return sorted((row for row in rows if row[2]), key=lambda row: order.index(row[0]))


def _samples(case: Case) -> list[float]:
    return list(filter(on_log, case.timing.samples_sec)) if case.timing else []


def _row(row: float, look: str, samples: list[float]) -> list[Series]:
    low, middle, high = (quantile(samples, share) or 0.0 for share in (0.25, 0.5, 0.75))
    shown = thinned(len(samples), MAX_DOTS)
    dots = [
        (samples[place], row + JITTER * (index * GOLDEN % 1 - 0.5))
        for index, place in enumerate(shown)
    ]
    half = MEDIAN_HEIGHT / 2
    note = f"median {format_seconds(middle)}, {plural(len(samples), 'sample')}"
    return [
        Series(f"{look} middle-half", [(low, row), (high, row)]),
        Series(f"{look} sample", dots, [note] * len(dots), line=False, dots=True),
        Series(f"{look} median", [(middle, row - half), (middle, row + half)]),
    ]


def conditions(subject: Subject) -> str | None:
    """Summarize in one sentence what the driver reported on the GPU; None without telemetry."""
    seen = _windows(subject)
    if not seen:
        return None
    reasons = sorted({short(reason, 40) for one in seen for reason in one.throttled})
    capped = sum(one.power_capped for one in seen)
    others = max((one.other_processes or 0 for one in seen), default=0)
    return (
        f"{subject.label}: {'throttled by ' + ', '.join(reasons) if reasons else 'not throttled'}, "
        f"limited by its power cap in {capped} of {len(seen)} cases, "
        f"{others or 'no'} other GPU process{'' if others == 1 else 'es'}."
    )


def _windows(subject: Subject) -> list[Telemetry]:
    """Return what the driver reported while each case was timed."""
    return [case.timing.telemetry for case in subject.cases
            if case.timing and case.timing.telemetry]  # fmt: skip


def telemetry(subject: Subject) -> list[Figure]:
    """Draw the clock, power and temperature during timing; empty without telemetry."""
    windows = _windows(subject)
    if not windows:
        return []
    figures = []
    for name, unit, read in (
        ("SM clock", "MHz", lambda reported: reported.sm_clock_mhz),
        ("power", "W", lambda reported: reported.power_watt),
        ("temperature", "°C", lambda reported: reported.temperature_celsius),
    ):
        points = _joined(windows, read)
        values = [y for _, y in points if y is not None]
        if values:
            figures.append(_telemetry(subject, name, unit, points, values))
    return figures


def _telemetry(
    subject: Subject, name: str, unit: str, points: list[Point], values: list[float]
) -> Figure:
    chart = Chart(
        title=f"{name}, {subject.name}",
        description=f"{min(values):.4g} to {max(values):.4g} {unit}, "
        f"median {median(values) or 0.0:.4g} {unit}.",
        x=linear_axis("seconds of timing", [x for x, _ in points], from_zero=True),
        y=linear_axis(f"{name}, {unit}", values),
        series=(Series(f"{look_of(subject)} reading", points),),
    )
    place = f"{name.replace(' ', '-').lower()}-{look_of(subject)}"
    return figure(place, f"{subject.label}: {name}", chart)


def _joined(
    windows: Sequence[Telemetry], read: Callable[[Telemetry], Sequence[float | None]]
) -> list[Point]:
    """Return the readings of all windows as points, without the pauses between the windows.

    A point without a value ends each window, so that each is drawn as a line of its own.
    """
    points: list[Point] = []
    start, most = 0.0, max(2, MAX_READINGS // len(windows))
    for reported in windows:
        readings = list(zip(reported.at_sec, read(reported), strict=False))
        for place in thinned(len(readings), most):
            at, value = readings[place]
            if on_linear(start + at):
                points.append((start + at, value if on_linear(value) else None))
        start = points[-1][0] if points else start
        points.append((start, None))
    return points
