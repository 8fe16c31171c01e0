"""Bandwidths are those of nccl-tests, worked out by hand."""

import pytest

from workload.core.bus_bandwidth import FACTORS
from workload.core.methods import HOST_CLOCK, WARM
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.timing import Timing

MEGABYTE = 1_000_000


def timed(kind: Kind, ranks: int) -> Case:
    """One megabyte in one millisecond: 1 GB/s of the algorithm."""
    timing = Timing(HOST_CLOCK, WARM, 1, (1e-3,) * 20, 0.1, True, 0.0)
    shape = (ranks, MEGABYTE // 4)
    return Case(kind, shape, "float32", 0, MEGABYTE, 0, CaseStatus.OK, timing=timing)


@pytest.mark.parametrize(
    ("kind", "ranks", "bus_gbs"),
    [
        (Kind.ALL_REDUCE, 2, 1.0),
        (Kind.ALL_REDUCE, 8, 1.75),
        (Kind.REDUCE_SCATTER, 2, 0.5),
        (Kind.REDUCE_SCATTER, 8, 0.875),
        (Kind.ALL_GATHER, 4, 0.75),
        (Kind.ALL_TO_ALL, 4, 0.75),
        (Kind.BROADCAST, 8, 1.0),
        (Kind.SEND_RECEIVE, 2, 1.0),
    ],
)
def test_the_bus_bandwidth_is_that_of_nccl_tests(kind: Kind, ranks: int, bus_gbs: float) -> None:
    case = timed(kind, ranks)
    assert (case.gbs, case.bus_gbs) == (pytest.approx(1.0), pytest.approx(bus_gbs))


def test_every_operation_between_ranks_has_a_bus_bandwidth() -> None:
    assert set(FACTORS) == {
        Kind.ALL_REDUCE,
        Kind.REDUCE_SCATTER,
        Kind.ALL_GATHER,
        Kind.BROADCAST,
        Kind.ALL_TO_ALL,
        Kind.SEND_RECEIVE,
    }


def test_a_copy_has_none() -> None:
    assert timed(Kind.COPY, 2).bus_gbs is None
