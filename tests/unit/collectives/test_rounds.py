"""Everyone meets everyone once, in as few rounds as there can be, and no one is dropped."""

from itertools import chain, combinations

import pytest

from workload.collectives.rounds import one_by_one, tournament

COUNTS = range(2, 34)


@pytest.mark.parametrize("parties", COUNTS)
def test_everyone_meets_everyone_once(parties: int) -> None:
    pairs = sorted(chain.from_iterable(tournament(parties)))
    assert pairs == list(combinations(range(parties), 2))


@pytest.mark.parametrize("parties", COUNTS)
def test_no_one_is_in_two_pairs_of_a_round(parties: int) -> None:
    for pairs in tournament(parties):
        met = list(chain.from_iterable(pairs))
        assert len(met) == len(set(met)) == parties - parties % 2


@pytest.mark.parametrize("parties", COUNTS)
def test_there_are_as_few_rounds_as_possible(parties: int) -> None:
    assert len(tournament(parties)) == parties - 1 + parties % 2


@pytest.mark.parametrize("parties", range(3, 34, 2))
def test_with_an_odd_count_everyone_has_one_bye(parties: int) -> None:
    byes = [set(range(parties)) - set(chain.from_iterable(one)) for one in tournament(parties)]
    assert sorted(chain.from_iterable(byes)) == list(range(parties))


@pytest.mark.parametrize("make", [tournament, one_by_one])
def test_one_alone_meets_no_one(make: object) -> None:
    assert not list(chain.from_iterable(make(1)))  # type: ignore[operator]


def test_one_by_one_leaves_the_links_to_each_pair() -> None:
    assert one_by_one(4) == [[pair] for pair in combinations(range(4), 2)]
