"""Compare one case on both sides: the rate of each side, the speed-up and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from workload.compare.intervals import Basis, Span, counted_quantile, ratio_of
from workload.core.models.case import Case, Kind
from workload.core.models.model import Model, derive
from workload.core.models.rating import Regime
from workload.core.statistics import median, quantile

# Differences within ±5% do not matter: GPUs differ by about 4% from one day to the next. The
# verdict is SAME if the whole interval is within these limits, FASTER if it is above 1.05, and
# SLOWER if it is below 0.95.
MARGIN = 0.05


class Verdict(StrEnum):
    """How the candidate compares with the baseline."""

    SAME = "SAME"
    FASTER = "FASTER"
    SLOWER = "SLOWER"
    UNCLEAR = "UNCLEAR"
    UNJUDGED = "UNJUDGED"


@dataclass(frozen=True)
class Reached:
    """The result of one side in one case: `rate` in the unit of the Speed, and `sec` per call.

    `sec` is the side's time as `ratio_of` computes it. `error_share` is the largest error of the
    side's runs as a share of the tolerance. `transfer_sec` is the time to move the inputs and the
    result over the bus.
    """

    rate: float
    sec: float
    runs: int
    error_share: float | None
    regime: Regime | None
    transfer_sec: float | None
    warning: str | None  # of a single run; several runs have an interval instead
    contended: tuple[float, str] | None  # share and main cause of waits; see _contended
    threads: tuple[int, ...]  # of the runs, if the case has its own number of threads
    least_sec: float  # `sec`, less the longest delay that waits of contended runs can cause


class Speed(Model, frozen=True):
    """One case on both sides. `speedup` is how many times faster the candidate is."""

    name: str
    title: str
    unit: str  # "GFLOP/s", "GB/s", or "s"
    baseline: Reached
    candidate: Reached
    speedup: float
    interval: Span | None  # of the speed-up, 95%; None: too few samples
    basis: Basis
    unjudged: str | None = None  # why the case is not judged
    # Derived.
    verdict: Verdict = Verdict.UNCLEAR  # holds for the whole interval
    # The speed-up if each call moves its inputs and result over the bus; None without a bus.
    speedup_with_transfers: float | None = None

    def __post_init__(self) -> None:
        """Derive the verdict, and the speed-up with transfers."""
        derive(self, verdict=self._verdict(), speedup_with_transfers=self._speedup_with_transfers())

    def _verdict(self) -> Verdict:
        if self.unjudged:
            return Verdict.UNJUDGED
        if self.interval is None:
            return Verdict.UNCLEAR
        low, high = self.interval
        if low > 1 + MARGIN:
            return Verdict.FASTER
        if self.is_slower_by(MARGIN):
            return Verdict.SLOWER
        return Verdict.SAME if low >= 1 - MARGIN and high <= 1 + MARGIN else Verdict.UNCLEAR

    def _speedup_with_transfers(self) -> float | None:
        sides = (self.baseline, self.candidate)
        if all(side.transfer_sec is None for side in sides):
            return None
        baseline_sec, candidate_sec = (side.sec + (side.transfer_sec or 0.0) for side in sides)
        return baseline_sec / candidate_sec

    def is_slower_by(self, share: float) -> bool:
        """Return whether the whole interval of the speed-up is below 1 - `share`."""
        return self.interval is not None and self.interval[1] < 1 - share

    def is_slower_despite_waits(self, share: float) -> bool:
        """Return whether the candidate is slower by `share` even after its waits are subtracted."""
        left = self.candidate.least_sec / self.candidate.sec
        return self.interval is not None and self.interval[1] < (1 - share) * left


def speed_of(
    name: str,
    title: str,
    baseline: Sequence[Case],
    candidate: Sequence[Case],
    paired: bool = False,
) -> Speed:
    """Compare one case of one or more process runs per side, in chronological order.

    If `paired` is true, runs with the same index form a pair.
    """
    ratio = ratio_of(_samples(baseline), _samples(candidate), paired)
    unit, amount = _unit(baseline[0])
    counted = counted_quantile(len(baseline), len(candidate))
    return Speed(
        name=name,
        title=title,
        unit=unit,
        baseline=_reached(baseline, amount, ratio.baseline_sec, counted),
        candidate=_reached(candidate, amount, ratio.candidate_sec, counted),
        speedup=ratio.value,
        interval=ratio.interval,
        basis=ratio.basis,
    )


def _unit(case: Case) -> tuple[str, int | None]:
    """Return the unit of a case's rate, and the amount per call (None if the unit is seconds).

    Training steps and launches are compared by time, because a rate says little about them: a step
    consists of many different operations, and a launch computes nothing.
    """
    if case.kind in (Kind.TRAIN, Kind.LAUNCH):
        return "s", None
    if case.flops:
        return "GFLOP/s", case.flops
    return ("GB/s", case.bytes) if case.bytes else ("s", None)


def _reached(cases: Sequence[Case], amount: int | None, seconds: float, counted: float) -> Reached:
    errors = [case.error_share for case in cases if case.error_share is not None]
    ratings = [case.rating for case in cases if case.rating]
    only = cases[0].timing if len(cases) == 1 else None
    return Reached(
        rate=seconds if amount is None else amount / seconds / 1e9,
        sec=seconds,
        runs=len(cases),
        error_share=max(errors, default=None),
        regime=ratings[0].regime if ratings else None,
        transfer_sec=median([case.transfer_sec for case in cases if case.transfer_sec]),
        warning=only.warning if only else None,
        contended=_contended(cases),
        threads=tuple(sorted({case.threads for case in cases if case.threads})),
        least_sec=seconds * _left_without_waits(cases, counted),
    )


def _left_without_waits(cases: Sequence[Case], counted: float) -> float:
    """Return the smallest possible share of a side's time that is not spent waiting.

    Waits delay the `counted` quantile of a run's samples by d only if they delay all samples above
    it, a share of 1 - counted, by at least d. So d is at most the mean wait divided by that share
    (Markov's inequality).
    """
    left = 1.0
    for timing in (case.timing for case in cases):
        if timing and timing.contended and timing.waits:
            wait_sec = timing.waits.share * fmean(timing.samples_sec)
            counted_sec = quantile(timing.samples_sec, counted) or 0.0
            left *= max(0.0, counted_sec - wait_sec / (1 - counted)) / (counted_sec or 1.0)
    return float(left ** (1 / len(cases)))


def _contended(cases: Sequence[Case]) -> tuple[float, str] | None:
    """Return the share and main cause of the waits of the first contended run.

    Return None if fewer than half of the runs were contended, because a minority of contended runs
    changes the time of a side only slightly.
    """
    timings = [case.timing for case in cases if case.timing and case.timing.contended]
    found = [timing.waits.main_cause for timing in timings if timing.waits]
    return found[0] if 2 * len(found) >= len(cases) and found else None


def _samples(cases: Sequence[Case]) -> list[tuple[float, ...]]:
    return [case.timing.samples_sec for case in cases if case.timing]
