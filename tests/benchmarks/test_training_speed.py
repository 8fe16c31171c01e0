"""A step of the chapter's training loop, by each engine."""

from collections.abc import Callable
from functools import partial

import pytest
from train_step import ENGINES, TrainSteps, of_one_step
from virtual_clock import clock

from workload.train_spec import PRESETS

pytestmark = pytest.mark.benchmark(timer=clock)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("preset", ["book", "wide"])
def test_training_step(measured: Callable[..., None], preset: str, engine: str) -> None:
    steps = TrainSteps(PRESETS[preset], ENGINES[engine])
    measured(steps, partial(of_one_step, engine=ENGINES[engine]))
