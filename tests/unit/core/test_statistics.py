"""Intervals of the median from raw samples, and their coverage."""

import random

import pytest

from workload.core import statistics
from workload.core.statistics import interquartile_range, median, median_interval


def test_no_samples_have_no_median_and_no_spread() -> None:
    assert (median(()), interquartile_range(()), median_interval(())) == (None, None, None)


def test_the_interquartile_range_is_the_width_of_the_middle_half() -> None:
    assert interquartile_range((1, 2, 3, 4, 5)) == 2


@pytest.mark.parametrize("count", range(6))
def test_five_samples_or_fewer_have_no_interval(count: int) -> None:
    assert median_interval([1.0] * count) is None


# Ranks from the tables of the binomial distribution: Conover, table A3.
@pytest.mark.parametrize(("count", "left_out"), [(6, 0), (8, 0), (9, 1), (20, 5), (30, 9)])
def test_the_interval_leaves_out_as_many_samples_as_the_tables_say(
    count: int, left_out: int
) -> None:
    statistics = [float(value) for value in range(count)]
    assert median_interval(statistics) == (left_out, count - 1 - left_out)


def test_the_interval_covers_the_true_median_at_least_as_often_as_it_says() -> None:
    generator = random.Random(0)
    covered = 0
    for _ in range(1000):
        interval = median_interval([generator.lognormvariate(0, 1) for _ in range(25)])
        assert interval is not None
        covered += interval[0] <= 1 <= interval[1]
    assert covered >= 940  # 950 expected at least; four standard deviations below 970


def test_many_samples_leave_out_as_many_as_the_exact_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [float(value) for value in range(900)]
    exact = median_interval(values)
    statistics._rank.cache_clear()
    monkeypatch.setattr(statistics, "MANY", 100)
    by_normal = median_interval(values)
    statistics._rank.cache_clear()
    assert exact is not None
    assert by_normal is not None
    assert abs(exact[0] - by_normal[0]) <= 1
