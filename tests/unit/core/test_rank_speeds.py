"""The slowest of several ranks, by the work that all of them did."""

import pytest
from support.records import measured

from workload.core.models.device import DeviceInfo
from workload.core.models.rank import Rank
from workload.core.rank_speeds import slowest, slowness


def rank(number: int, *seconds: float, device: DeviceInfo = measured.GPU) -> Rank:
    """A rank whose matmuls took this long."""
    cases = tuple(measured.case(sec, size=64 << step) for step, sec in enumerate(seconds))
    return Rank(number, "complete", None, None, (), device=device, cases=cases)


def test_a_rank_is_compared_with_the_median_of_the_others() -> None:
    ranks = [rank(0, 1e-3), rank(1, 1e-3), rank(2, 1.2e-3), rank(3, 1e-3)]
    behind = slowest(ranks)
    assert behind
    assert behind.rank is ranks[2]
    assert behind.factor == pytest.approx(1.2)
    assert behind.kind == "matmul"


def test_of_two_ranks_each_is_the_others_measure() -> None:
    ranks = [rank(0, 1e-3), rank(1, 2e-3)]
    found = [one.factor for one in (slowness(one, ranks) for one in ranks) if one]
    assert found == [pytest.approx(0.5), pytest.approx(2.0)]


def test_only_work_that_another_did_counts() -> None:
    ranks = [rank(0, 1e-3, 5e-3), rank(1, 1e-3)]
    behind = slowest(ranks)
    assert behind
    assert behind.factor == pytest.approx(1.0)
    assert slowest([rank(0, 1e-3), rank(1)]) is None


@pytest.mark.parametrize(
    ("device", "factor", "counts"),
    [
        (measured.GPU, 1.05, False),
        (measured.GPU, 1.2, True),
        (measured.CPU, 1.2, False),
        (measured.CPU, 2.0, True),
    ],
)
def test_gpus_of_one_model_differ_less_than_shared_cpus(
    device: DeviceInfo, factor: float, counts: bool
) -> None:
    ranks = [rank(0, 1e-3, device=device), rank(1, 1e-3 * factor, device=device)]
    behind = slowest(ranks)
    assert behind
    assert behind.counts is counts
