"""How much slower one rank is than the others that did the same work at the same time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from workload.core.models.case import CaseStatus, Kind
from workload.core.models.ranks import Rank
from workload.core.statistics import median
from workload.core.train_case import train_case

# GPUs of one model differ by some percent under load (Sinha et al., "Not All GPUs Are Created
# Equal", SC22: up to 22 % in matmuls, most within 10 %); CPUs may be shared with other work.
SLOW = {"cuda": 1.1, "cpu": 1.5}
COMPUTE = (Kind.MATMUL, Kind.CONVOLUTION, Kind.TRAIN)
# The ranks of one CPU copy within the same memory, and each at another moment.
KINDS = {"cuda": (*COMPUTE, Kind.COPY, Kind.TO_DEVICE, Kind.TO_HOST), "cpu": COMPUTE}


@dataclass(frozen=True)
class Slowness:
    """How many times as long as the others' median a rank takes for the kind it is worst at."""

    rank: Rank
    factor: float
    kind: str

    @property
    def counts(self) -> bool:
        """Whether the rank is slower than devices of one model usually differ."""
        return self.factor > SLOW[self.rank.device.kind if self.rank.device else "cpu"]


def slowest(ranks: Sequence[Rank]) -> Slowness | None:
    """Return the rank that is furthest behind; None where no two ranks did the same."""
    found = [one for rank in ranks if (one := slowness(rank, ranks))]
    return max(found, key=lambda one: one.factor, default=None)


def slowness(rank: Rank, ranks: Sequence[Rank]) -> Slowness | None:
    """Compare a rank with the others: for each kind the median over the cases that others ran too.

    The factor of a case is the rank's time over the median of the others' times.
    """
    others = [seconds(other) for other in ranks if other is not rank]
    factors: dict[str, list[float]] = {}
    for (kind, name), sec in seconds(rank).items():
        peers = [times[kind, name] for times in others if (kind, name) in times]
        middle = median(peers)
        if middle:
            factors.setdefault(kind, []).append(sec / middle)
    medians = {kind: median(found) or 0.0 for kind, found in factors.items()}
    worst = max(medians, key=lambda kind: medians[kind], default=None)
    return None if worst is None else Slowness(rank, medians[worst], worst)


def seconds(rank: Rank) -> dict[tuple[str, str], float]:
    """Return the seconds of each case by kind and name; of a stress test those of 1 GFLOP."""
    kind = rank.device.kind if rank.device else "cpu"
    cases = [*(rank.cases or ()), *(train_case(one, kind) for one in rank.train or ())]
    found = {
        (str(case.kind), case.name): case.median_sec
        for case in cases
        if case.kind in KINDS[kind] and case.status is CaseStatus.OK and case.median_sec
    }
    burned = rank.deep.burn_ins if rank.deep else ()
    stressed = {("stress", one.dtype): 1 / one.last_gflops for one in burned if one.last_gflops}
    return found | stressed
