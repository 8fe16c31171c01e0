"""Real engines with a simulated GPU, and the machine that it claims."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lab.cdi import packages_of
from support.lab.driver_lab import HOST, Lab, Machine
from support.lab.engine import ROOT, LabEngine, Setup


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The lab, with one folder for what it compiles."""
    return Lab(tmp_path_factory.mktemp("compiled"), Path())


@pytest.fixture(scope="session")
def image() -> str:
    """The GPU image of the engine that is there."""
    return os.environ.get("IMAGE") or "workload:gpu"


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[LabEngine]:
    """An engine with the GPU image; made once, since copying it takes a minute."""
    with LabEngine(tmp_path_factory.mktemp("engine")) as engine:
        engine.start(Setup(hook=True))
        engine.load(image)
        yield engine


@pytest.fixture
def engine(loaded: LabEngine, lab: Lab) -> LabEngine:
    """Docker with NVIDIA's hook, which refuses nothing, on a host with a GPU and no CDI spec."""
    loaded.remove_specs()
    loaded.install(lab, Machine(level=HOST))
    loaded.start(Setup(hook=True))
    return loaded


@pytest.fixture(scope="session")
def site(image: str) -> str:
    """The folder of the image's Python packages."""
    return packages_of(image)


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folders of a Docker that reads CDI specs by default."""
    fetched = subprocess.run(
        [ROOT / ".ci/fetch-docker", "forky", tmp_path_factory.mktemp("docker")],
        stdout=subprocess.PIPE, text=True, check=True, timeout=300,
    )  # fmt: skip
    return fetched.stdout.strip()
