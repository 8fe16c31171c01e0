"""One case on both sides: what each reached, the speed-up, and what may be said of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from workload.compare.intervals import Basis, Span, ratio_of
from workload.core.cases import Case, Kind, Regime
from workload.core.statistics import median

# Differences within ±5 % do not matter: GPUs differ by about 4 % from one day to the next.
# SAME lies inside, FASTER above 1.05, SLOWER below 0.95, each with its whole interval.
MARGIN = 0.05


class Verdict(StrEnum):
    """B, seen from A."""

    SAME = "SAME"
    FASTER = "FASTER"
    SLOWER = "SLOWER"
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True)
class Reached:
    """What one side reached in one case: `rate` in the unit of its Speed, at `sec` a call.

    `sec` is what `ratio_of` takes a side's runs for, `error_share` the worst of their errors
    over its tolerance, `transfer_sec` the time of bringing inputs and result across the bus.
    """

    rate: float
    sec: float
    runs: int
    error_share: float | None
    regime: Regime | None
    transfer_sec: float | None
    warning: str | None  # of the only run; several tell by their interval


@dataclass(frozen=True)
class Speed:
    """One case on both sides. `speedup` is how many times faster B is than A."""

    DERIVED: ClassVar = ("verdict", "speedup_with_transfers")

    name: str
    unit: str  # "GFLOP/s", "GB/s", or "s"
    a: Reached
    b: Reached
    speedup: float
    interval: Span | None  # of the speed-up, 95 %; None: too few samples
    basis: Basis

    @property
    def verdict(self) -> Verdict:
        """What the whole interval allows to say."""
        if self.interval is None:
            return Verdict.UNCLEAR
        low, high = self.interval
        if low > 1 + MARGIN:
            return Verdict.FASTER
        if self.is_slower_by(MARGIN):
            return Verdict.SLOWER
        return Verdict.SAME if low >= 1 - MARGIN and high <= 1 + MARGIN else Verdict.UNCLEAR

    @property
    def speedup_with_transfers(self) -> float | None:
        """The speed-up if inputs and result cross the bus each time; None where no bus is."""
        if self.a.transfer_sec is None and self.b.transfer_sec is None:
            return None
        a_sec, b_sec = (side.sec + (side.transfer_sec or 0.0) for side in (self.a, self.b))
        return a_sec / b_sec

    def is_slower_by(self, share: float) -> bool:
        """Whether B reaches less than 1 - `share` of A's speed, with the whole interval."""
        return self.interval is not None and self.interval[1] < 1 - share


def speed_of(name: str, a: Sequence[Case], b: Sequence[Case], paired: bool = False) -> Speed:
    """The speeds of one case, measured in one or more process runs a side, by time.

    `paired`: run by run, A's belong to B's.
    """
    ratio = ratio_of(_samples(a), _samples(b), paired)
    unit, amount = _unit(a[0])
    return Speed(
        name=name,
        unit=unit,
        a=_reached(a, amount, ratio.a_sec),
        b=_reached(b, amount, ratio.b_sec),
        speedup=ratio.value,
        interval=ratio.interval,
        basis=ratio.basis,
    )


def _unit(case: Case) -> tuple[str, int | None]:
    """What to tell of a case, and how much of it a call does; None: tell its seconds.

    A training step is many operations, a launch none: their time says more than a rate.
    """
    if case.kind in (Kind.TRAIN, Kind.LAUNCH):
        return "s", None
    if case.flops:
        return "GFLOP/s", case.flops
    return ("GB/s", case.bytes) if case.bytes else ("s", None)


def _reached(cases: Sequence[Case], amount: int | None, seconds: float) -> Reached:
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
    )


def _samples(cases: Sequence[Case]) -> list[tuple[float, ...]]:
    return [case.timing.samples_sec for case in cases if case.timing]
