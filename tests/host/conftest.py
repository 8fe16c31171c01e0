"""Tests of what runs on the host: scripts, Makefile, compose file. They need a checkout."""

import os
import shutil
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, TOOLS, Host

WITH_GPU = """case "$*" in
  *Runtimes*) echo nvidia ;;
  'image inspect'*) echo sha256:1234 ;;
esac"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A bare host: no docker, no driver, no Python."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool, path=os.defpath + ":" + os.environ.get("PATH", ""))
        if found:
            (directory / tool).symlink_to(found)
    return Host(bin=directory, calls=tmp_path / "calls")


@pytest.fixture
def docker_host(host: Host) -> Host:
    """A host whose Docker engine answers and has the NVIDIA runtime, with a driver."""
    host.add("docker", WITH_GPU)
    host.add("nvidia-smi", 'echo "NVIDIA H200, 580.65.06"')
    return host


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of the scripts alone, whose results/ no run has touched."""
    shutil.copytree(CHECKOUT / "docker", tmp_path / "checkout/docker")
    return tmp_path / "checkout"
