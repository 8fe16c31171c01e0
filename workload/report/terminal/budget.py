"""The budget of the cases, and the budget that is enough for skipped cases."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workload.core.models.case import Case

STEP_SEC = 10  # hints round budgets up to a multiple of this


@dataclass(frozen=True)
class Shared:
    """The seconds that `cases` cases shared.

    A larger budget would give them the fraction `part` of the seconds left after `before_sec`.
    """

    seconds: float
    cases: int
    before_sec: float = 0.0
    part: float = 1.0

    def enough_for(self, needs: Sequence[float]) -> float:
        """Return the budget that is enough for cases that need these seconds.

        The longest need is added once per case, so that each equal share is long enough even
        after earlier cases have used their shares. The sum of the needs is added for the checks,
        which run outside the shares.
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
