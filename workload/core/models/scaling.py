"""How much faster a step becomes with more ranks."""

from typing import Annotated

from workload.core.models.model import Amount, Model, Positive, Samples, Size, derive, one_of
from workload.core.statistics import median

STRONG, WEAK = "strong", "weak"


class ScalingPoint(Model, frozen=True):
    """The step on a number of ranks.

    Strong scaling divides one batch among them; the efficiency on n ranks is T_1 / (n T_n). Weak
    scaling gives each rank that batch; the efficiency is T_1 / T_n. (Hager and Wellein,
    Introduction to High Performance Computing, 2010, section 5.3.) The communication's share is
    the part of the step that it takes longer than the same step without communication.
    """

    kind: Annotated[str, one_of(STRONG, WEAK)]
    ranks: Positive
    batch_size: Size  # of all ranks together
    step_time_sec: Samples  # of the slowest rank
    local_time_sec: Samples  # without communication, of the slowest rank
    single_step_sec: Amount  # T_1
    # Derived.
    median_step_sec: Amount | None = None
    communication_share: Amount | None = None
    efficiency: Amount | None = None

    def __post_init__(self) -> None:
        """Derive the step, the communication's share and the efficiency."""
        step, local = median(self.step_time_sec), median(self.local_time_sec)
        ideal_sec = self.single_step_sec / (self.ranks if self.kind == STRONG else 1)
        derive(
            self,
            median_step_sec=step,
            communication_share=max(0.0, 1 - local / step) if step and local is not None else None,
            efficiency=ideal_sec / step if step else None,
        )
