"""Real engines with a made-up GPU, and the machine that it claims."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lab.driver_lab import HOST, Lab, Machine
from support.lab.engine import ROOT, LabEngine, Setup

IMAGE = os.environ.get("IMAGE") or "workload:gpu"
SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The lab, with one folder for what it compiles."""
    return Lab(tmp_path_factory.mktemp("compiled"), Path())


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabEngine]:
    """An engine with the GPU image; made once, since copying it takes a minute."""
    with LabEngine(tmp_path_factory.mktemp("engine")) as engine:
        engine.start(Setup(hook=True))
        engine.load(IMAGE)
        yield engine


@pytest.fixture
def engine(loaded: LabEngine, lab: Lab) -> LabEngine:
    """Docker with NVIDIA's hook, which refuses nothing, on a host with a GPU and no CDI spec."""
    loaded.remove_specs()
    loaded.install(lab, Machine(level=HOST))
    loaded.start(Setup(hook=True))
    return loaded


@pytest.fixture(scope="session")
def site(loaded: LabEngine) -> str:
    """The folder of the image's Python packages."""
    return loaded.run("docker", "run", "--rm", "workload:gpu", "python", "-c", SITE).stdout.strip()


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folders of a Docker that reads CDI specs by default."""
    fetched = subprocess.run(
        [ROOT / ".ci/fetch-docker", "forky", tmp_path_factory.mktemp("docker")],
        stdout=subprocess.PIPE, text=True, check=True, timeout=300,
    )  # fmt: skip
    return fetched.stdout.strip()
