"""Which pair, or which party of many pairs, is far below its peers of the same link type. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_high

from workload.collectives.rounds import Pair
from workload.core.models.collectives import SlowLink

# Of the peers' median. A link with half of its lanes or links is at 0.5; healthy ones of a type
# differ by a tenth.
FAR_BELOW = 0.7


@dataclass(frozen=True)
class PairRate:
    """One pair of parties, the type of link between them, and how fast it was in GB/s."""

    pair: Pair
    link: str
    gbs: float


def far_below(measured: Iterable[PairRate]) -> list[SlowLink]:
    """Return what is far below its peers: slow parties, then slow pairs.

    A party is judged by its best pair, since a slow one makes all its pairs slow; a pair by what
    both of its parties reach with others. A party that has a single pair is not judged, the pair
    is. Two parties have no peers.
    """
    by_link: dict[str, list[PairRate]] = {}
    for one in measured:
        by_link.setdefault(one.link, []).append(one)
    return [slow for link, group in by_link.items() for slow in _of_type(link, group)]


def _of_type(link: str, group: Sequence[PairRate]) -> Iterable[SlowLink]:
    rates: dict[int, list[float]] = {}
    for one in group:
        for party in one.pair:
            rates.setdefault(party, []).append(one.gbs)
    best = {party: max(of_party) for party, of_party in rates.items()}
    usual = median_high(best.values())
    parties = [
        party
        for party, gbs in best.items()
        if gbs < FAR_BELOW * usual and len(rates[party]) > 1  # else it is the pair
    ]
    yield from (SlowLink((party,), link, best[party] / usual) for party in sorted(parties))
    for one in group:
        reached = min(best[party] if len(rates[party]) > 1 else usual for party in one.pair)
        if one.gbs < FAR_BELOW * reached:
            yield SlowLink(one.pair, link, one.gbs / reached)
