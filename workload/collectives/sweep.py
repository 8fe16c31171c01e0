"""All measurements between ranks that one command makes, and their section of the record.

Operations of all ranks come first. Then every pair of ranks or nodes exchanges arrays, to find
slow pairs, ranks and nodes. All ranks call `Sweep.run` at the same time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median_high

from msgspec.structs import replace

from workload.collectives.links import slowest
from workload.collectives.measure import measure, run
from workload.collectives.operations import Exchange, Operation, elements_of
from workload.collectives.places import Topology
from workload.collectives.rounds import Pair
from workload.collectives.team import Team
from workload.core.models.case import Case, CaseStatus
from workload.core.models.collectives import Collectives, Link, PairLink, SlowLink
from workload.core.models.device import DeviceInfo
from workload.core.models.rating import Rating

PAIRS_SHARE = 0.3  # of the budget, if operations are measured too
DTYPE = "float32"
# A pair that looks slow is measured again this many times, and its best rate counts: noise does not
# recur.
REPEATS = 2
# Share of the peers' median. A link with half of its lanes or NVLinks reaches 0.5; healthy links of
# one type differ by a tenth.
FAR_BELOW = 0.7


@dataclass(frozen=True)
class PairRate:
    """One pair of parties, the type of link between them, and the measured rate in GB/s."""

    pair: Pair
    link: str
    gbs: float


@dataclass(frozen=True)
class Plan:
    """The rounds in which parties meet, and the sizes that they send.

    A party is one rank, or the ranks of one node. `sizes` are the bytes that each rank sends, the
    largest last. `word` is what parties are called, "ranks" or "nodes".
    """

    parties: Sequence[tuple[int, ...]]
    rounds: Sequence[Sequence[Pair]]
    sizes: Sequence[int]
    word: str

    def rank_pairs(self, pair: Pair) -> list[Pair]:
        """Return the pairs of ranks that communicate: each rank with one of the other party."""
        one, other = (self.parties[party] for party in pair)
        return list(zip(one, other, strict=False))

    def exchange(self, pairs: Sequence[Pair], size: int, ranks: int) -> Exchange:
        """Return the exchange that the pairs of a round make at the same time."""
        peers: list[int | None] = [None] * ranks
        for pair in pairs:
            for one, other in self.rank_pairs(pair):
                peers[one], peers[other] = other, one
        return Exchange(DTYPE, 2, elements_of(size, DTYPE, 2), tuple(peers))


@dataclass(frozen=True)
class Pairs:
    """The measurement of a plan's pairs. On rank 0, `cases` has one case for each pair and size."""

    plan: Plan
    link_of: Callable[[int, int], Link]  # returns the link between two parties
    team: Team
    device: DeviceInfo
    cases: dict[tuple[Pair, int], Case] = field(default_factory=dict)

    def run(self, budget_sec: float) -> Iterator[tuple[Pair, Case]]:
        """Measure all rounds within about `budget_sec`; then repeat the pairs that look slow."""
        steps = [(pairs, size) for pairs in self.plan.rounds for size in self.plan.sizes]
        for pairs, size in steps:
            yield from self._measure(pairs, size, budget_sec / len(steps))
        for _ in range(REPEATS):
            suspects = self.team.from_rank_0(self._suspects() if self.team.leads else [])
            for pairs in self.plan.rounds:
                again = [pair for pair in pairs if pair in suspects]
                if again:
                    yield from self._measure(again, self.plan.sizes[-1], budget_sec / len(steps))

    def slow(self) -> list[SlowLink]:
        """Return the parties or pairs far slower than their peers; only rank 0 knows the rates."""
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
        exchange = self.plan.exchange(pairs, size, self.team.ranks)
        measured = measure(exchange, self.team, self.device, budget_sec)
        for pair in pairs:
            rank_pairs = self.plan.rank_pairs(pair)
            ranks = sorted(rank for one in rank_pairs for rank in one)
            shape = (len(ranks), len(rank_pairs) * exchange.elements)
            case = measured.case(shape, ranks, f"{self.plan.word} {pair[0]} and {pair[1]}")
            case = replace(case, bytes=len(rank_pairs) * exchange.bytes)
            self.cases[pair, size] = kept_case(self.cases.get((pair, size)), case)
            yield pair, self.cases[pair, size]


def kept_case(before: Case | None, now: Case) -> Case:
    """Return `before` if it is wrong, else `now` if it is not OK, else the faster case."""
    if before is None:
        return now
    if before.status is CaseStatus.WRONG:
        return before
    if now.status is not CaseStatus.OK:
        return now
    return now if (now.gbs or 0.0) > (before.gbs or 0.0) else before


def far_below(measured: Iterable[PairRate]) -> list[SlowLink]:
    """Return the parties, then the pairs, whose rates are far below those of their peers.

    Peers have the same type of link.

    A party is judged by its best rate, because a slow party makes all its pairs slow. A pair is
    compared with the lower of its two parties' best rates. A party with a single pair is not
    judged itself. When its pair is judged, the median of all best rates replaces this party's best
    rate. With only two parties, the result is empty, because there are no peers.
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
        if gbs < FAR_BELOW * usual and len(rates[party]) > 1  # else the pair is judged
    ]
    yield from (SlowLink((party,), link, best[party] / usual) for party in sorted(parties))
    for one in group:
        reached = min(best[party] if len(rates[party]) > 1 else usual for party in one.pair)
        if one.gbs < FAR_BELOW * reached:
            yield SlowLink(one.pair, link, one.gbs / reached)


@dataclass(frozen=True)
class Sweep:
    """Measurements of the operations of all ranks, then of pairs. All ranks call `run` together."""

    team: Team
    device: DeviceInfo
    topology: Topology
    operations: Sequence[Operation]
    pairs: Pairs

    @property
    def link(self) -> Link | None:
        """Return the slowest link between any two ranks; None if any rate is unknown."""
        pairs = combinations(range(self.team.ranks), 2)
        return slowest(self.topology.link(*pair) for pair in pairs)

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers of operations and of pairs, with "operation" and "pair" as keys."""
        pairs = sum(map(len, self.pairs.plan.rounds))
        return {"operation": len(self.operations), "pair": pairs}

    @property
    def steps(self) -> int:
        """Count the cases, without repeated measurements."""
        return self.counts["operation"] + len(self.pairs.plan.sizes) * self.counts["pair"]

    def run(self, budget_sec: float) -> Iterator[Case]:
        """Yield each case as soon as it is measured, with its rate as a share of the link's."""
        pairs_sec = PAIRS_SHARE * budget_sec if self.operations else budget_sec
        link = self.link
        for case in run(self.operations, self.team, self.device, budget_sec - pairs_sec):
            yield rated(case, link)
        for pair, case in self.pairs.run(pairs_sec):
            yield rated(case, self.pairs.link_of(*pair))

    def section(self) -> Collectives:
        """Return the record's section; on rank 0, it lists the slow parties and pairs so far."""
        pairs = sorted(pair for round_ in self.pairs.plan.rounds for pair in round_)
        return Collectives(
            backend=self.team.backend,
            parties=self.pairs.plan.word,
            ranks=self.topology.places,
            link=self.link,
            pairs=tuple(self._pair_link(pair) for pair in pairs),
            slow=tuple(self.pairs.slow()),
        )

    def _pair_link(self, pair: Pair) -> PairLink:
        cases = [self.pairs.cases.get((pair, size)) for size in self.pairs.plan.sizes]
        names = tuple(case.name for case in cases if case)
        return PairLink(*pair, self.pairs.link_of(*pair), names)


def rated(case: Case, link: Link | None) -> Case:
    """Return the case with its rate as a share of the link's, if both rates are known."""
    if link is None or not link.gbs or case.bus_gbs is None:
        return case
    return replace(case, rating=Rating(None, case.bus_gbs / link.gbs, None))
