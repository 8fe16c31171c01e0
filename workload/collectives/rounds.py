"""Rounds of pairs that communicate at the same time.

A pair consists of two parties, which are ranks or nodes. A party is in at most one pair of a round.
"""

from itertools import combinations

Pair = tuple[int, int]


def tournament(parties: int) -> list[list[Pair]]:
    """Return rounds in which every two parties meet once, with as many pairs per round as possible.

    This is the circle method of round-robin tournaments: one party stays in place, and the
    others rotate. If the count is odd, a dummy party is added; its opponent skips the round.

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
    """Return a round for each pair, so that no other pair uses its links at the same time.

    >>> one_by_one(3)
    [[(0, 1)], [(0, 2)], [(1, 2)]]
    """
    return [[pair] for pair in combinations(range(parties), 2)]
