"""A real engine with a made-up GPU, and the machine that it claims."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lab.driver_lab import HOST, Lab, Machine
from support.lab.engine import LabEngine

IMAGE = "workload:gpu"


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabEngine]:
    """The engine with the GPU image; made once, since copying it takes a minute."""
    with LabEngine(tmp_path_factory.mktemp("engine")) as engine:
        engine.load(IMAGE)
        lab = Lab(tmp_path_factory.mktemp("compiled"), Path())
        lab.write(Machine(level=HOST), engine.machine)
        yield engine


@pytest.fixture
def engine(loaded: LabEngine) -> Iterator[LabEngine]:
    """The engine, whose hook refuses nothing."""
    loaded.refuse()
    yield loaded
    loaded.refuse()
