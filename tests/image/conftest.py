"""The image under test, and containers of it that are always removed."""

from collections.abc import Iterator
from typing import Any

import pytest
from tracked import Containers

import docker
from docker import DockerClient


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let another image than the built one be tested."""
    parser.addoption("--image", help="the image to test (default: workload:TARGET)")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line("markers", "only(target): a property of that target's image alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is a property of the other image: nothing is missing, so no skip."""
    target = config.getoption("--target")
    other = [i for i in items if any(m.args != (target,) for m in i.iter_markers("only"))]
    config.hook.pytest_deselected(items=other)
    items[:] = [item for item in items if item not in other]


@pytest.fixture(scope="session")
def client() -> Iterator[DockerClient]:
    """The engine."""
    client = docker.from_env(timeout=300)
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(pytestconfig: pytest.Config, target: str) -> str:
    """The name of the image under test."""
    return str(pytestconfig.getoption("--image") or f"workload:{target}")


@pytest.fixture(scope="session")
def config(client: DockerClient, image: str) -> dict[str, Any]:
    """What the image says of itself: Cmd, User, Env, Labels, …"""
    return dict(client.images.get(image).attrs["Config"])


@pytest.fixture
def containers(client: DockerClient, image: str) -> Iterator[Containers]:
    """Containers of the image under test."""
    containers = Containers(client, image)
    yield containers
    containers.remove_all()
