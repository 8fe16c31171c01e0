"""The budget of the cases, and the budget that is enough for skipped cases."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workload.core.models.case import Case

STEP_SEC = 10  # hints round budgets up to a multiple of this


@dataclass(frozen=True)
class Shared:
    """The seconds that `cases` cases shared.

    Of any budget, the first `before_sec` seconds are used before the cases start. The cases share
    the fraction `part` of the rest.
    """

    seconds: float
    cases: int
    before_sec: float = 0.0
    part: float = 1.0

    def enough_for(self, needs: Sequence[float]) -> float:
        """Return the budget that is enough for cases that need `needs` seconds.

        The longest need is added to `seconds` once per case, so that the equal share of each case
        is long enough even after earlier cases have used theirs. The sum of the needs is added for
        the checks of the results, which take time in addition to the shares.
        """
        more_sec = self.cases * max(needs) + sum(needs)
        return self.before_sec + (self.seconds + more_sec) / self.part


@dataclass(frozen=True)
class Budget:
    """The budget of the cases, and the option that sets it."""

    seconds: float
    option: str = "--budget"
    shared: Shared | None = None  # None: each case had `seconds`

    def enough_for(self, cases: Sequence[Case]) -> int | None:
        """Return the seconds, rounded up, that are enough for these cases; None if unknown."""
        needs = [case.needed_sec for case in cases if case.needed_sec]
        shares = [(case.needed_sec or 0) / case.allowed_sec for case in cases if case.allowed_sec]
        if self.shared and needs and len(needs) == len(cases):
            seconds = self.shared.enough_for(needs)
        elif not self.shared and shares and len(shares) == len(cases):
            seconds = max(shares) * self.seconds
        else:
            return None
        return STEP_SEC * math.ceil(seconds / STEP_SEC)
