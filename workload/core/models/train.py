"""The result of a training run, and how it scales with ranks."""

from typing import Annotated

from msgspec import Meta

from workload.core.models.model import (
    Amount,
    Count,
    Dtype,
    Model,
    Positive,
    Samples,
    Seconds,
    Size,
    derive,
    one_of,
)
from workload.core.models.waits import Waits
from workload.core.statistics import median
from workload.core.train_spec import AUTO, MODE_NAMES, RANK_MODE_NAMES

STRONG, WEAK = "strong", "weak"
MODES = tuple(name for name in (*MODE_NAMES, *RANK_MODE_NAMES) if name != AUTO)


class ScalingPoint(Model, frozen=True):
    """The times of a step on a given number of ranks.

    Strong scaling divides one batch among the ranks; the efficiency on n ranks is T_1 / (n T_n).
    Weak scaling gives each rank a whole batch; the efficiency is T_1 / T_n (Hager and Wellein,
    Introduction to High Performance Computing, 2010, section 5.3). `communication_share` is the
    share of the step's time that the same step without communication would save.
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
        """Derive the median step time, the share of communication, and the efficiency."""
        step, local = median(self.step_time_sec), median(self.local_time_sec)
        ideal_sec = self.single_step_sec / (self.ranks if self.kind == STRONG else 1)
        derive(
            self,
            median_step_sec=step,
            communication_share=max(0.0, 1 - local / step) if step and local is not None else None,
            efficiency=ideal_sec / step if step else None,
        )


class TrainResult(Model, frozen=True):
    """A training run. `losses[i]` is the loss of step `i + 1`, before its update."""

    preset: str | None
    batch_size: Size
    input_size: Size
    hidden_size: Size
    output_size: Size
    learning_rate: Annotated[float, Meta(gt=0)]
    steps: Size
    seed: Count
    dtype: Dtype
    resumed_from_step: Count
    losses: tuple[Amount | None, ...]  # in a record, None if not finite
    step_time_sec: Samples  # mean seconds per step, one sample per block of steps
    # The SHA-256 hash of w1 followed by w2; None unless all steps were done.
    weights_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\n)")] | None
    diverged_at_step: Positive | None = None
    mode: Annotated[str, one_of(*MODES)] = "eager"
    mode_reason: str = "asked for"  # why this mode was chosen
    # The last loss in float64, from the same data; None if it was not computed.
    float64_loss: Amount | None = None
    # From this step on, every loss differs from the float64 loss by more than 1 %; None if the last
    # loss does not.
    rounding_from_step: Positive | None = None
    threads: Positive | None = None  # CPU threads
    warm_up_sec: Seconds = 0.0
    steady: bool = False  # whether the warm-up ended because steps had become equally fast
    waits: Waits | None = None  # what kept the threads from running
    ranks: Positive = 1  # processes that shared each batch
    # Scaling; None if it was not measured.
    scaling: tuple[ScalingPoint, ...] | None = None
    # Derived.
    final_loss: Amount | None = None  # None before the first step
    median_step_sec: Amount | None = None  # over the blocks; None if nothing was timed

    def __post_init__(self) -> None:
        """Derive the last loss and the median step time."""
        derive(
            self,
            final_loss=self.losses[-1] if self.losses else None,
            median_step_sec=median(self.step_time_sec),
        )
