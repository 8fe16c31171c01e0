"""Statistics of raw samples: quantiles and a confidence interval, without NumPy."""

import math
from collections.abc import Sequence
from functools import cache

CONFIDENCE = 0.95
NORMAL_QUANTILE = 1.959964
MANY = 1000  # with more samples, the binomial distribution is close to normal


def quantile(samples: Sequence[float], fraction: float) -> float | None:
    """Return the `fraction` quantile by linear interpolation; None without samples.

    >>> quantile((1.0, 2.0, 4.0), 0.5)
    2.0
    """
    if not samples:
        return None
    ordered = sorted(samples)
    position = fraction * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def median(samples: Sequence[float]) -> float | None:
    """Return the median; None without samples."""
    return quantile(samples, 0.5)


def interquartile_range(samples: Sequence[float]) -> float | None:
    """Return the width of the middle half of the samples; None without samples."""
    low, high = quantile(samples, 0.25), quantile(samples, 0.75)
    return None if low is None or high is None else high - low


def median_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    """Return a 95 % confidence interval of the median; None with fewer than six samples.

    Its ends are two of the sorted samples. For any distribution, a sample is less than the true
    median with a probability of at most 1/2, and greater with a probability of at most 1/2. The
    binomial distribution therefore determines how many samples to leave out at each end (Conover,
    Practical Nonparametric Statistics, 3rd ed., §3.2). The interval assumes independent samples and
    does not include differences between processes. If sampling stops as soon as the interval is
    narrow enough, the interval contains the median with a probability of about 93 %.
    """
    rank = _rank(len(samples))
    if rank is None:
        return None
    ordered = sorted(samples)
    return ordered[rank], ordered[-1 - rank]


@cache
def _rank(count: int) -> int | None:
    """Return how many samples to leave out at each end, or None if there are too few."""
    if count > MANY:
        return math.floor((count - NORMAL_QUANTILE * math.sqrt(count)) / 2) - 1
    tail, outside = 0.0, (1 - CONFIDENCE) / 2
    for rank in range(count):
        tail += math.comb(count, rank) / 2**count
        if tail > outside:
            return rank - 1 if rank else None
    return None
