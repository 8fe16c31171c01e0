"""The result of a training run."""

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
from workload.core.models.scaling import ScalingPoint
from workload.core.models.waits import Waits
from workload.core.statistics import median
from workload.core.train_spec import AUTO, MODE_NAMES, RANK_MODE_NAMES

MODES = tuple(name for name in (*MODE_NAMES, *RANK_MODE_NAMES) if name != AUTO)


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
    losses: tuple[Amount | None, ...]  # None: not finite, in a record
    step_time_sec: Samples  # mean seconds per step, one sample per block of steps
    # Of w1 then w2; None unless all steps were done.
    weights_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\n)")] | None
    diverged_at_step: Positive | None = None
    mode: Annotated[str, one_of(*MODES)] = "eager"
    mode_reason: str = "asked for"  # why this mode
    # The last loss in float64, from the same numbers; None if it was not computed.
    float64_loss: Amount | None = None
    # From here on every loss is off by more than a hundredth; None if the last one is not.
    rounding_from_step: Positive | None = None
    threads: Positive | None = None  # of a CPU
    warm_up_sec: Seconds = 0.0
    steady: bool = False  # whether the warm-up ended because steps had become equally fast
    waits: Waits | None = None  # what kept the threads from running
    ranks: Positive = 1  # processes that shared each batch
    # Scaling, where it was measured.
    scaling: tuple[ScalingPoint, ...] | None = None
    # Derived.
    final_loss: Amount | None = None  # None before the first step
    median_step_sec: Amount | None = None  # over the blocks; None when nothing was timed

    def __post_init__(self) -> None:
        """Derive the last loss and the median step."""
        derive(
            self,
            final_loss=self.losses[-1] if self.losses else None,
            median_step_sec=median(self.step_time_sec),
        )
