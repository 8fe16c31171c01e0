"""The image of docker/example, and containers of it that are removed after each test."""

from collections.abc import Iterator

import pytest
from support.containers import Containers, engine

from docker import DockerClient

client = pytest.fixture(scope="session")(engine)


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
