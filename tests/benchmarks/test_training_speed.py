"""A step of the chapter's training loop, by each engine."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from train_step import TrainSteps, of_one_step
from virtual_clock import clock

from workload.engines import ENGINES
from workload.train_spec import PRESETS

pytestmark = [
    pytest.mark.benchmark(timer=clock),
    # torch.compile's own imports use what torch itself calls deprecated.
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("preset", ["book", "wide"])
def test_training_step(measured: Callable[..., None], preset: str, engine: str) -> None:
    by = ENGINES[engine]
    # The other arithmetic gathers rounding errors: float64 is what it can be asked for.
    dtype = "float32" if by.seeds_arithmetic else "float64"
    steps = TrainSteps(replace(PRESETS[preset], dtype=dtype), by)
    measured(steps, partial(of_one_step, engine=by))
