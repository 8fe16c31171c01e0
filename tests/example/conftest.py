"""The image of docker/example, and containers of it that are always removed."""

from collections.abc import Iterator

import pytest
from support.containers import Containers

import docker
from docker import DockerClient


@pytest.fixture(scope="session")
def client() -> Iterator[DockerClient]:
    """The engine."""
    client = docker.from_env(timeout=300)
    yield client
    client.close()


@pytest.fixture
def image() -> str:
    """What .ci/test-example built."""
    return "workload:example"


@pytest.fixture
def base() -> str:
    """What it was built on."""
    return "workload:cpu"


@pytest.fixture
def containers(client: DockerClient, image: str) -> Iterator[Containers]:
    """Containers of the example."""
    containers = Containers(client, image)
    yield containers
    containers.remove_all()
