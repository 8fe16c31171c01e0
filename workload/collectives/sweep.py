"""Everything that one command measures between its ranks, and what the record says about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from msgspec.structs import replace

from workload.collectives.links import slowest
from workload.collectives.measure import run
from workload.collectives.operations import Operation
from workload.collectives.pairs import Pairs
from workload.collectives.places import Topology
from workload.collectives.rounds import Pair
from workload.collectives.team import Team
from workload.core.models.case import Case
from workload.core.models.collectives import Collectives, Link, PairLink
from workload.core.models.device import DeviceInfo
from workload.core.models.rating import Rating

PAIRS_SHARE = 0.3  # of the budget, beside operations


@dataclass(frozen=True)
class Sweep:
    """Operations of all ranks, then pairs. Its methods are called on every rank."""

    team: Team
    device: DeviceInfo
    topology: Topology
    operations: Sequence[Operation]
    pairs: Pairs

    @property
    def link(self) -> Link | None:
        """Return the slowest link of all ranks; None if the rate of one is not known."""
        pairs = combinations(range(self.team.ranks), 2)
        return slowest(self.topology.link(*pair) for pair in pairs)

    @property
    def counts(self) -> dict[str, int]:
        """Count what is measured, by its noun."""
        pairs = sum(map(len, self.pairs.plan.rounds))
        return {"operation": len(self.operations), "pair": pairs}

    @property
    def steps(self) -> int:
        """Count the cases, but for those that are measured again."""
        return self.counts["operation"] + len(self.pairs.plan.sizes) * self.counts["pair"]

    def run(self, budget_sec: float) -> Iterator[Case]:
        """Yield each case as soon as it is known, with its share of the link's rate."""
        pairs_sec = PAIRS_SHARE * budget_sec if self.operations else budget_sec
        link = self.link
        for case in run(self.operations, self.team, self.device, budget_sec - pairs_sec):
            yield rated(case, link)
        for pair, case in self.pairs.run(pairs_sec):
            yield rated(case, self.pairs.link_of(*pair))

    def section(self) -> Collectives:
        """Return the record's section; on rank 0 with what is slow so far."""
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
    """Return the case with its share of the link's rate, if both are known."""
    if link is None or not link.gbs or case.bus_gbs is None:
        return case
    return replace(case, rating=Rating(None, case.bus_gbs / link.gbs, None))
