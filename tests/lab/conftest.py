"""Compiles the stand-ins for NVIDIA's libraries, and runs commands on the machines they claim."""

import sysconfig
from pathlib import Path

import pytest
from support.lab.driver_lab import Lab

SITE = Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="session")
def wheels() -> Path:
    """The folder of CUDA's wheels, with `include` and `lib`."""
    folder = SITE / "nvidia" / "cu13"
    assert folder.is_dir(), "the lab needs a CUDA build of torch: .ci/test-lab runs it in an image"
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Lab:
    """The lab, with one folder for what it compiles."""
    return Lab(tmp_path_factory.mktemp("compiled"), wheels / "lib" / "libcudart.so.13")
