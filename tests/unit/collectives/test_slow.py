"""A slow party or a slow link is named, and no healthy one."""

from itertools import combinations

import pytest
from msgspec.structs import replace
from support.records.measured import case

from workload.collectives.rounds import Pair
from workload.collectives.sweep import FAR_BELOW, PairRate, far_below, kept_case
from workload.core.models.case import Case, CaseStatus
from workload.core.models.collectives import SlowLink


def measured(parties: int, slow: dict[Pair, float], link: str = "network") -> list[PairRate]:
    """Every pair at 10 GB/s, but for these."""
    return [PairRate(pair, link, slow.get(pair, 10.0)) for pair in combinations(range(parties), 2)]


def all_pairs_of(party: int, parties: int, gbs: float) -> dict[Pair, float]:
    return {pair: gbs for pair in combinations(range(parties), 2) if party in pair}


@pytest.mark.parametrize("parties", [2, 3, 4, 7, 8])
def test_equal_pairs_have_no_slow_one(parties: int) -> None:
    assert far_below(measured(parties, {})) == []


@pytest.mark.parametrize("parties", [3, 4, 5, 8])
def test_a_slow_party_is_named_and_its_pairs_are_not(parties: int) -> None:
    found = far_below(measured(parties, all_pairs_of(1, parties, 3.0)))
    assert found == [SlowLink((1,), "network", 0.3)]


@pytest.mark.parametrize("parties", [3, 4, 5, 8])
def test_a_slow_link_is_named_and_its_parties_are_not(parties: int) -> None:
    assert far_below(measured(parties, {(0, 2): 4.0})) == [SlowLink((0, 2), "network", 0.4)]


def test_a_slow_party_does_not_hide_a_slow_link_of_others() -> None:
    slow = all_pairs_of(4, 6, 2.0) | {(0, 1): 5.0}
    assert far_below(measured(6, slow)) == [
        SlowLink((4,), "network", 0.2),
        SlowLink((0, 1), "network", 0.5),
    ]


def test_a_pair_of_two_has_no_peers() -> None:
    assert far_below(measured(2, {(0, 1): 0.1})) == []


def test_what_is_just_above_the_limit_is_not_named() -> None:
    assert far_below(measured(4, {(0, 1): 10 * FAR_BELOW + 0.01})) == []


def test_each_link_is_compared_with_those_of_its_type() -> None:
    near = [PairRate((0, 1), "PIX", 20.0), PairRate((2, 3), "PIX", 20.0)]
    far = [PairRate(pair, "SYS", 5.0) for pair in [(0, 2), (0, 3), (1, 2), (1, 3)]]
    assert far_below([*near, *far]) == []


def test_the_one_pair_of_a_party_is_named_and_not_the_party() -> None:
    pairs = [PairRate((0, 1), "PIX", 4.0), PairRate((2, 3), "PIX", 20.0)]
    assert far_below(pairs) == [SlowLink((0, 1), "PIX", 0.2)]


SLOW, FAST = case(2e-3), case(1e-3)
WRONG = replace(case(), status=CaseStatus.WRONG, timing=None)


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (None, SLOW, SLOW),
        (SLOW, FAST, FAST),
        (FAST, SLOW, FAST),
        (FAST, WRONG, WRONG),
        (WRONG, FAST, WRONG),
    ],
)
def test_of_a_pair_that_is_measured_again_the_faster_case_is_kept_unless_one_is_wrong(
    before: Case | None, now: Case, kept: Case
) -> None:
    assert kept_case(before, now) == kept
