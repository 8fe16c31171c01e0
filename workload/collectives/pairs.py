"""Send and receive between every pair of ranks or nodes; find the slow ones among them.

All ranks call `Pairs.run` at the same time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from workload.collectives.measure import measure
from workload.collectives.operations import Exchange, elements_of
from workload.collectives.rounds import Pair
from workload.collectives.slow import PairRate, far_below
from workload.collectives.team import Team
from workload.core.models.case import Case, CaseStatus
from workload.core.models.collectives import Link, SlowLink
from workload.core.models.device import DeviceInfo

DTYPE = "float32"
# What looks slow is measured again this often, and counts by its best: noise does not come back.
REPEATS = 2


@dataclass(frozen=True)
class Plan:
    """Which parties meet in which rounds, and what they send.

    A party is one rank, or the ranks of one node. `sizes` are the bytes that each rank sends, the
    largest last; `word` is what parties are called, "ranks" or "nodes".
    """

    parties: Sequence[tuple[int, ...]]
    rounds: Sequence[Sequence[Pair]]
    sizes: Sequence[int]
    word: str

    def rank_pairs(self, pair: Pair) -> list[Pair]:
        """Return the ranks that talk in this pair, each with one of the other party."""
        one, other = (self.parties[party] for party in pair)
        return list(zip(one, other, strict=False))

    def exchange(self, pairs: Sequence[Pair], size: int, ranks: int) -> Exchange:
        """Return what the pairs of a round do at the same time."""
        peers: list[int | None] = [None] * ranks
        for pair in pairs:
            for one, other in self.rank_pairs(pair):
                peers[one], peers[other] = other, one
        return Exchange(DTYPE, 2, elements_of(size, DTYPE, 2), tuple(peers))


class Pairs:
    """Measures the pairs of a plan. On rank 0 `cases` has one of each pair and size."""

    def __init__(
        self, plan: Plan, link_of: Callable[[int, int], Link], team: Team, device: DeviceInfo
    ) -> None:
        """Take the function that returns what connects two parties."""
        self.plan = plan
        self.cases: dict[tuple[Pair, int], Case] = {}
        self.link_of = link_of
        self._team = team
        self._device = device

    def run(self, budget_sec: float) -> Iterator[tuple[Pair, Case]]:
        """Measure all rounds within about `budget_sec`, then again what looks slow."""
        steps = [(pairs, size) for pairs in self.plan.rounds for size in self.plan.sizes]
        for pairs, size in steps:
            yield from self._measure(pairs, size, budget_sec / len(steps))
        for _ in range(REPEATS):
            suspects = self._team.from_rank_0(self._suspects() if self._team.leads else [])
            for pairs in self.plan.rounds:
                again = [pair for pair in pairs if pair in suspects]
                if again:
                    yield from self._measure(again, self.plan.sizes[-1], budget_sec / len(steps))

    def slow(self) -> list[SlowLink]:
        """Return which parties or pairs are far below their peers; on rank 0."""
        rates = [
            PairRate(pair, self.link_of(*pair).words, case.gbs)
            for (pair, size), case in self.cases.items()
            if size == self.plan.sizes[-1] and case.gbs
        ]
        return far_below(rates)

    def _suspects(self) -> list[Pair]:
        slow = [set(one.parties) for one in self.slow()]
        return [
            pair
            for pairs in self.plan.rounds
            for pair in pairs
            if any(parties <= set(pair) for parties in slow)
        ]

    def _measure(
        self, pairs: Sequence[Pair], size: int, budget_sec: float
    ) -> Iterator[tuple[Pair, Case]]:
        """Measure the pairs of a round at the same time; yield the case of each."""
        exchange = self.plan.exchange(pairs, size, self._team.ranks)
        measured = measure(exchange, self._team, self._device, budget_sec)
        for pair in pairs:
            rank_pairs = self.plan.rank_pairs(pair)
            ranks = sorted(rank for one in rank_pairs for rank in one)
            shape = (len(ranks), len(rank_pairs) * exchange.elements)
            case = measured.case(shape, ranks, f"{self.plan.word} {pair[0]} and {pair[1]}")
            case = replace(case, bytes=len(rank_pairs) * exchange.bytes)
            self.cases[pair, size] = _faster(self.cases.get((pair, size)), case)
            yield pair, self.cases[pair, size]


def _faster(before: Case | None, now: Case) -> Case:
    """Return the faster of two cases of a pair; one that is wrong stays wrong."""
    if before is None or now.status is not CaseStatus.OK:
        return now
    return now if (now.gbs or 0.0) > (before.gbs or 0.0) else before
