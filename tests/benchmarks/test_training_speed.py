"""A step of the chapter's training loop, by each engine."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from train_step import TrainSteps, of_one_step
from virtual_clock import clock

from workload.engines import ENGINES
from workload.train_spec import PRESETS

pytestmark = pytest.mark.benchmark(timer=clock)
SEEDS_ARITHMETIC = [name for name, engine in ENGINES.items() if engine.seeds_arithmetic]


@pytest.mark.parametrize("engine", SEEDS_ARITHMETIC)
@pytest.mark.parametrize("preset", ["book", "wide"])
def test_training_step(measured: Callable[..., None], preset: str, engine: str) -> None:
    steps = TrainSteps(PRESETS[preset], ENGINES[engine])
    measured(steps, partial(of_one_step, engine=ENGINES[engine]))


@pytest.mark.parametrize("preset", ["book", "wide"])
def test_step_of_the_dual_algorithm(measured: Callable[..., None], preset: str) -> None:
    """Apart from the engines above: it measures the algorithm, not the device."""
    spec = replace(PRESETS[preset], dtype="float64")
    measured(TrainSteps(spec, ENGINES["dual"]), partial(of_one_step, engine=ENGINES["dual"]))
