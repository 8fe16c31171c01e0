"""A step of the chapter's training loop, by each mode."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from support.benchmarks.train_step import TrainSteps, of_one_step
from support.benchmarks.virtual_clock import clock

from workload.core.train_spec import PRESETS
from workload.train.modes import MODES

pytestmark = [
    pytest.mark.benchmark(timer=clock),
    # torch.compile's own imports use what torch itself calls deprecated.
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preset", ["book", "wide"])
def test_training_step(measured: Callable[..., None], preset: str, mode: str) -> None:
    by = MODES[mode]
    # `dual` accumulates rounding errors, so it runs in float64 only.
    dtype = "float32" if by.same_arithmetic else "float64"
    steps = TrainSteps(replace(PRESETS[preset], dtype=dtype), by)
    # As many threads as `workload train` takes: the fastest of a matmul are not those of a step.
    measured(steps, partial(of_one_step, mode=by), steps.spec.threads)
