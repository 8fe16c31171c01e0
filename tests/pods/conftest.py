"""Containers of the CPU image that are removed after each test."""

from collections.abc import Iterator

import pytest
from support.containers import Containers, engine

from docker import DockerClient

client = pytest.fixture(scope="session")(engine)


@pytest.fixture
def containers(client: DockerClient) -> Iterator[Containers]:
    """Containers of the CPU image."""
    containers = Containers(client, "workload:cpu")
    yield containers
    containers.remove_all()
