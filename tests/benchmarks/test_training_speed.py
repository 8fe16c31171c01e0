"""A step of the chapter's training loop."""

from collections.abc import Callable

import pytest
from train_step import TrainStep
from virtual_clock import clock

from workload.operations import Operation
from workload.train_spec import PRESETS

pytestmark = pytest.mark.benchmark(timer=clock)

ENGINES = {"eager": TrainStep}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("preset", ["book", "wide"])
def test_training_step(measured: Callable[[Operation], None], preset: str, engine: str) -> None:
    measured(ENGINES[engine](PRESETS[preset]))
