"""The image of docker/example, and containers of it that are removed after each test."""

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
    """Return the image that .ci/test-example built."""
    return "workload:example"


@pytest.fixture
def base() -> str:
    """Return the image that it was built on."""
    return "workload:cpu"


@pytest.fixture
def containers(client: DockerClient, image: str) -> Iterator[Containers]:
    """Containers of the example."""
    containers = Containers(client, image)
    yield containers
    containers.remove_all()
