"""Compute the candidate's speed-up and its 95% interval from the times of both sides.

All computations use logarithms, which turn a ratio into a difference: "twice as fast" and "half as
fast" are then equally far from "equally fast".

- Several process runs per side, in pairs: each pair gives the logarithm of one ratio, and the
  interval is Student's t interval of the mean of these logarithms. If the runs of both sides are
  interleaved, slow changes of the machine's speed (drift) affect both runs of a pair alike and
  cancel. Runs that are not interleaved are also compared correctly, but with a wider interval.
- Several runs per side without pairs: Welch's interval of the difference of two means (Welch 1947).
  In both cases the 10% quantile represents a run. Disturbances only add time. They change this
  quantile only if they affect nine tenths of a run, while half of a run is enough to change the
  median.
  When the benchmark suite was compared with itself (a shared CPU, 2 runs of 20 cases), 3 cases
  were unclear; with medians, 7 were.
- One run on one side or both: the interval of its median comes from order statistics. The
  intervals of both sides are combined into the interval of the difference by the method of variance
  estimates recovery (MOVER: Zou & Donner, Statistics in Medicine 27, 2008). This interval does not
  include the variation from one process run to the next, so the true interval is wider.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from workload.core.statistics import CONFIDENCE, NORMAL_QUANTILE, median_interval, quantile

# A number outside these limits is not the time of a call. Within these limits no interval
# overflows: the widest, from two pairs with opposite extreme ratios, is exp(±702).
SHORTEST_SEC, LONGEST_SEC = 1e-12, 1e12
LOWEST_TENTH, MEDIAN = 0.1, 0.5

Samples = Sequence[float]
Span = tuple[float, float]


class Basis(StrEnum):
    """The kind of runs that an interval is computed from."""

    PAIRED = "paired runs"
    WELCH = "unpaired runs"
    ONE_RUN = "one process run"  # on one side or both


@dataclass(frozen=True)
class Ratio:
    """The baseline's time divided by the candidate's.

    `interval` is None if there are too few samples.
    """

    baseline_sec: float
    candidate_sec: float
    interval: Span | None
    basis: Basis

    @property
    def value(self) -> float:
        """The speed-up of the candidate."""
        return self.baseline_sec / self.candidate_sec


def is_time(seconds: float | None) -> bool:
    """Return whether `seconds` can be the time of a call."""
    return seconds is not None and SHORTEST_SEC <= seconds <= LONGEST_SEC


def counted_quantile(a_runs: int, b_runs: int) -> float:
    """Return the quantile that represents the samples of a run."""
    return MEDIAN if min(a_runs, b_runs) == 1 else LOWEST_TENTH


def ratio_of(a: Sequence[Samples], b: Sequence[Samples], paired: bool = False) -> Ratio:
    """Compute the ratio of a's seconds to b's, from the samples of each process run.

    If `paired` is true, runs with the same index form a pair. The time of a side is the
    geometric mean of its runs' 10% quantiles or, if either side has one run, of their medians. Each
    quantile or median must satisfy is_time().
    """
    fraction = counted_quantile(len(a), len(b))
    a_logs, b_logs = _logs(a, fraction), _logs(b, fraction)
    span, basis = _log_interval(a, b, a_logs, b_logs, paired)
    return Ratio(
        baseline_sec=math.exp(_mean(a_logs)),
        candidate_sec=math.exp(_mean(b_logs)),
        interval=(math.exp(span[0]), math.exp(span[1])) if span else None,
        basis=basis,
    )


def _log_interval(
    a: Sequence[Samples], b: Sequence[Samples], a_logs: Samples, b_logs: Samples, paired: bool
) -> tuple[Span | None, Basis]:
    if min(len(a), len(b)) == 1:
        return _mover(_log_span(a, a_logs), _log_span(b, b_logs), a_logs, b_logs), Basis.ONE_RUN
    if paired:
        differences = [one - other for one, other in zip(a_logs, b_logs, strict=True)]
        return student_interval(differences), Basis.PAIRED
    return welch_interval(a_logs, b_logs), Basis.WELCH


def student_interval(values: Samples) -> Span:
    """Return the 95% interval of the mean of at least two normally distributed values."""
    mean, half = _mean(values), t_quantile(len(values) - 1) * math.sqrt(_error_variance(values))
    return mean - half, mean + half


def welch_interval(a: Samples, b: Samples) -> Span:
    """Return the 95% interval of mean(a) - mean(b).

    `a` and `b` each have at least two normally distributed values.
    """
    difference = _mean(a) - _mean(b)
    a_variance, b_variance = _error_variance(a), _error_variance(b)
    variance = a_variance + b_variance
    if not variance:
        return difference, difference
    a_share, b_share = a_variance / variance, b_variance / variance
    freedom = 1 / (a_share**2 / (len(a) - 1) + b_share**2 / (len(b) - 1))
    half = t_quantile(freedom) * math.sqrt(variance)
    return difference - half, difference + half


def _mover(a: Span | None, b: Span | None, a_logs: Samples, b_logs: Samples) -> Span | None:
    """Combine the intervals of two sides into the interval of their difference."""
    if a is None or b is None:
        return None
    a_mean, b_mean = _mean(a_logs), _mean(b_logs)
    difference = a_mean - b_mean
    below = math.hypot(a_mean - a[0], b[1] - b_mean)
    above = math.hypot(a[1] - a_mean, b_mean - b[0])
    return difference - below, difference + above


def _log_span(runs: Sequence[Samples], logs: Samples) -> Span | None:
    """Return the interval of one side: from its runs or, if it has one run, from its samples."""
    if len(runs) > 1:
        return student_interval(logs)
    interval = median_interval(runs[0])
    if interval is None or not all(map(is_time, interval)):
        return None
    return math.log(interval[0]), math.log(interval[1])


@cache
def t_quantile(freedom: float) -> float:
    """Compute the 97.5% quantile of Student's t with `freedom` >= 1 degrees of freedom.

    With t = sqrt(freedom)·tan(angle), the density is proportional to cos(angle)**(freedom - 1).
    This is smooth and bounded, so Simpson's rule and a few steps of Newton's method suffice.
    """
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    angle = math.atan(NORMAL_QUANTILE / math.sqrt(freedom))
    for _ in range(20):
        step = CONFIDENCE / 2 - scale * _cosine_power_area(angle, freedom - 1)
        angle += step / (scale * math.cos(angle) ** (freedom - 1))
        if abs(step) < 1e-12:  # noqa: PLR2004  of a probability; the sum is no more exact
            break
    return math.sqrt(freedom) * math.tan(angle)


def _cosine_power_area(angle: float, power: float, pieces: int = 100) -> float:
    """Integrate cos(x)**power from 0 to `angle`, by Simpson's rule."""
    width = angle / pieces
    heights = [math.cos(width * place) ** power for place in range(pieces + 1)]
    inner = 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    return float(width / 3 * (heights[0] + inner + heights[-1]))


def _logs(runs: Sequence[Samples], fraction: float) -> list[float]:
    return [math.log(quantile(samples, fraction) or math.nan) for samples in runs]


def _mean(values: Samples) -> float:
    return math.fsum(values) / len(values)


def _error_variance(values: Samples) -> float:
    """Estimate the variance of the mean from the values."""
    mean, count = _mean(values), len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count
