"""Which pairs communicate at the same time: rounds with a party in one pair at most. Pure."""

from itertools import combinations

Pair = tuple[int, int]


def tournament(parties: int) -> list[list[Pair]]:
    """Return rounds in which each two parties meet once, with as many pairs per round as possible.

    The circle method of round-robin tournaments: one party stays, the others turn around it. With
    an odd count an empty place takes part; its opponent of a round has a bye.

    >>> tournament(4)
    [[(0, 3), (1, 2)], [(0, 2), (1, 3)], [(0, 1), (2, 3)]]
    >>> tournament(3)
    [[(1, 2)], [(0, 2)], [(0, 1)]]
    """
    places = list(range(parties + parties % 2))
    rounds = []
    for _ in places[1:]:
        pairs = zip(places, reversed(places), strict=True)
        rounds.append(sorted((one, other) for one, other in pairs if one < other < parties))
        places.insert(1, places.pop())
    return rounds


def one_by_one(parties: int) -> list[list[Pair]]:
    """Return a round for each pair, so that no other uses its links.

    >>> one_by_one(3)
    [[(0, 1)], [(0, 2)], [(1, 2)]]
    """
    return [[pair] for pair in combinations(range(parties), 2)]
