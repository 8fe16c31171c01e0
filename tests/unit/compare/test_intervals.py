"""Intervals of a ratio: known quantiles, known cases, and their coverage."""

import math
import random
from collections.abc import Callable

import pytest

from workload.compare.intervals import (
    Basis,
    Ratio,
    ratio_of,
    student_interval,
    t_quantile,
    welch_interval,
)

# Student's t at 0.975, as every printed table has it.
PRINTED = [
    (1, 12.706),
    (2, 4.303),
    (3, 3.182),
    (4, 2.776),
    (5, 2.571),
    (9, 2.262),
    (10, 2.228),
    (30, 2.042),
    (120, 1.980),
    (1000, 1.962),
]
TRUE_RATIO = 1.1
TRIALS = 400


@pytest.mark.parametrize(("freedom", "quantile"), PRINTED)
def test_the_quantiles_are_those_of_the_printed_table(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=5e-4)


def test_a_quantile_between_two_degrees_of_freedom_lies_between_theirs() -> None:
    assert t_quantile(4) > t_quantile(4.5) > t_quantile(5)


def test_two_values_have_the_interval_of_one_degree_of_freedom() -> None:
    # mean 2, standard error 1
    assert student_interval([1.0, 3.0]) == pytest.approx((2 - 12.706, 2 + 12.706), abs=1e-3)


def test_welch_weighs_each_side_by_its_own_spread() -> None:
    # variances of the means 1/3 and 0: two degrees of freedom, those of the first side alone
    low, high = welch_interval([1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0])
    assert (low, high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-3)


def test_values_without_spread_have_an_interval_without_width() -> None:
    assert welch_interval([2.0, 2.0], [1.0, 1.0, 1.0]) == (1.0, 1.0)


def test_the_ratio_is_how_many_times_faster_b_is() -> None:
    assert ratio_of([(2.0,) * 9], [(1.0,) * 9]).value == pytest.approx(2)


def test_two_intervals_of_one_run_combine_by_the_root_of_their_squares() -> None:
    a = [math.exp(0.1 * step) for step in (-4, -3, -2, -1, 0, 1, 2, 3, 4)]
    low, high = ratio_of([a], [a]).interval or (0.0, 0.0)
    # of nine samples the second and the eighth bound the median: three steps on either side
    assert (math.log(low), math.log(high)) == pytest.approx((-0.3 * 2**0.5, 0.3 * 2**0.5))


def test_what_makes_b_slower_bounds_the_ratio_from_below() -> None:
    b = [math.exp(step) for step in (-0.1, -0.1, -0.1, -0.1, 0, 0.3, 0.3, 0.3, 0.3)]
    low, high = ratio_of([(1.0,) * 9], [b]).interval or (0.0, 0.0)
    assert (math.log(low), math.log(high)) == pytest.approx((-0.3, 0.1))


def test_five_samples_are_too_few_for_an_interval() -> None:
    assert ratio_of([(1.0,) * 5], [(1.0,) * 9]).interval is None


def test_paired_runs_lose_the_drift_that_both_have() -> None:
    drift = (1.0, 1.5, 0.7)
    ratio = ratio_of([(2 * d,) for d in drift], [(d,) for d in drift], paired=True)
    assert ratio.basis is Basis.PAIRED
    assert ratio.interval == pytest.approx((2, 2))


def test_runs_that_are_no_pairs_keep_their_drift() -> None:
    ratio = ratio_of([(2.0,), (2.2,), (1.8,)], [(1.0,), (1.1,)])
    assert ratio.basis is Basis.WELCH
    assert ratio.interval is not None


def test_one_run_beside_several_has_an_interval_of_its_own_kind() -> None:
    ratio = ratio_of([(2.0,) * 9], [(1.0,), (1.1,), (0.9,)])
    assert ratio.basis is Basis.ONE_RUN
    low, high = ratio.interval or (0.0, 0.0)
    assert low < 2 < high


def test_times_as_far_apart_as_a_file_can_say_do_not_overflow() -> None:
    low, high = ratio_of([(1e12,), (1e-12,)], [(1e-12,), (1e12,)], True).interval or (0.0, 0.0)
    assert 0 <= low < 1 < high < math.inf


def one_run(random_: random.Random) -> Ratio:
    a, b = ([random_.lognormvariate(0, 0.1) for _ in range(40)] for _ in range(2))
    return ratio_of([[TRUE_RATIO * sample for sample in a]], [b])


def paired_runs(random_: random.Random) -> Ratio:
    drifts = [random_.lognormvariate(0, 0.2) for _ in range(5)]
    a, b = ([(drift * random_.lognormvariate(0, 0.02),) for drift in drifts] for _ in range(2))
    return ratio_of([(TRUE_RATIO * sample,) for (sample,) in a], b, paired=True)


def unpaired_runs(random_: random.Random) -> Ratio:
    a = [(TRUE_RATIO * random_.lognormvariate(0, 0.1),) for _ in range(7)]
    return ratio_of(a, [(random_.lognormvariate(0, 0.02),) for _ in range(4)])


@pytest.mark.parametrize("draw", [one_run, paired_runs, unpaired_runs])
def test_about_95_of_100_intervals_hold_the_true_ratio(
    draw: Callable[[random.Random], Ratio],
) -> None:
    random_ = random.Random(0)
    intervals = [draw(random_).interval or (0.0, 0.0) for _ in range(TRIALS)]
    held = sum(low <= TRUE_RATIO <= high for low, high in intervals) / TRIALS
    assert 0.925 <= held <= 0.985


def test_of_several_runs_a_side_what_disturbs_most_of_a_run_changes_nothing() -> None:
    quiet, disturbed = [1.0] * 20, [1.0] * 5 + [9.0] * 15
    assert ratio_of([quiet] * 3, [disturbed] * 3, paired=True).value == 1
    assert ratio_of([quiet] * 3, [disturbed] * 2).value == 1


def test_a_single_run_is_taken_for_its_median() -> None:
    quiet, disturbed = [1.0] * 20, [1.0] * 5 + [9.0] * 15
    assert ratio_of([quiet], [disturbed]).value == pytest.approx(1 / 9)
