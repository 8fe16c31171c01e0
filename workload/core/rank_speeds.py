"""Compare the speeds of ranks that did the same work at the same time."""

from collections.abc import Sequence
from dataclasses import dataclass

from workload.core.models.case import CaseStatus, Kind
from workload.core.models.rank import Rank
from workload.core.statistics import median
from workload.core.train_case import train_case

# The highest usual factor (see `Slowness`) of the slowest of several healthy devices of one model.
# GPUs differ by several percent under load (Sinha et al., "Not All GPUs Are Created Equal", SC22:
# up to 22 % in matmuls, most within 10 %). GPUs that share the host's bus differ by more if all
# copy at once. CPUs may be shared with other work. Not listed: GPU work whose speed the host
# limits, such as small training steps; copies of CPU ranks, which share one memory but copy at
# different times.
STRESS = "stress"  # the matmuls of `doctor --deep`
USUAL = {
    "cuda": {
        Kind.MATMUL: 1.1,
        Kind.CONVOLUTION: 1.1,
        Kind.COPY: 1.1,
        Kind.TO_DEVICE: 1.5,
        Kind.TO_HOST: 1.5,
        STRESS: 1.1,
    },
    "cpu": {Kind.MATMUL: 1.5, Kind.CONVOLUTION: 1.5, Kind.TRAIN: 1.5, STRESS: 1.5},
}


@dataclass(frozen=True)
class Slowness:
    """How slow a rank is compared with the others, for the kind of case in which it is slowest.

    `factor` is the rank's time divided by the median time of the other ranks.
    """

    rank: Rank
    factor: float
    kind: str

    @property
    def excess(self) -> float:
        """The factor divided by the highest usual factor; above 1, the rank is too slow."""
        return self.factor / _usual(self.rank)[self.kind]

    @property
    def counts(self) -> bool:
        """Whether the rank is slower than is usual among devices of one model."""
        return self.excess > 1


def slowest(ranks: Sequence[Rank]) -> Slowness | None:
    """Return the slowness of the slowest rank; None if no two ranks did the same work."""
    found = [one for rank in ranks if (one := slowness(rank, ranks))]
    return max(found, key=lambda one: one.excess, default=None)


def slowness(rank: Rank, ranks: Sequence[Rank]) -> Slowness | None:
    """Return how slow a rank is compared with the others; None if no other rank ran its cases.

    The factor of a case is the rank's time divided by the median of the others' times. The factor
    of a kind of case is the median of the factors of those cases that other ranks also ran.
    """
    others = [seconds(other) for other in ranks if other is not rank]
    factors: dict[str, list[float]] = {}
    for (kind, name), sec in seconds(rank).items():
        peers = [times[kind, name] for times in others if (kind, name) in times]
        middle = median(peers)
        if middle:
            factors.setdefault(kind, []).append(sec / middle)
    kinds = [Slowness(rank, median(found) or 0.0, kind) for kind, found in factors.items()]
    return max(kinds, key=lambda one: one.excess, default=None)


def _usual(rank: Rank) -> dict[str, float]:
    return USUAL[rank.device.kind if rank.device else "cpu"]


def seconds(rank: Rank) -> dict[tuple[str, str], float]:
    """Return the seconds of each case that is compared, by kind and name.

    A stress test has seconds per GFLOP instead.
    """
    kind = rank.device.kind if rank.device else "cpu"
    cases = [*(rank.cases or ()), *(train_case(one, kind) for one in rank.train or ())]
    found = {
        (str(case.kind), case.name): case.median_sec
        for case in cases
        if case.kind in _usual(rank) and case.status is CaseStatus.OK and case.median_sec
    }
    burned = rank.deep.burn_ins if rank.deep else ()
    stressed = {(STRESS, one.dtype): 1 / one.last_gflops for one in burned if one.last_gflops}
    return found | stressed
