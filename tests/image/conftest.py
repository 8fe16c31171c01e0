"""The image under test, and containers of it that are removed after each test."""

import platform
from collections.abc import Iterator
from typing import Any

import pytest
from support.containers import Containers, engine

from docker import DockerClient

EMULATED_SLOWER = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let another image than the built one be tested."""
    parser.addoption("--image", help="the image to test (default: workload:TARGET, or -devel)")
    parser.addoption("--devel", action="store_true", help="it is one with a toolchain")
    parser.addoption("--arm64", action="store_true", help="it is the one for linux/arm64")
    parser.addoption("--native", help="what that is compared with (default: workload:TARGET)")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line(
        "markers", "only(kind): a property of one kind alone: cpu, gpu, runtime, devel or arm64"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests of other images; they are no skips."""
    kinds = {config.getoption("--target"), "devel" if config.getoption("--devel") else "runtime"}
    kinds |= {"arm64"} if config.getoption("--arm64") else set()
    other = [i for i in items if any(m.args[0] not in kinds for m in i.iter_markers("only"))]
    config.hook.pytest_deselected(items=other)
    items[:] = [item for item in items if item not in other]
    for item in items:
        marker = item.get_closest_marker("timeout")
        seconds = marker.args[0] if marker else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(slower(config) * seconds), append=False)


def slower(config: pytest.Config) -> int:
    """How many times as long everything may take: an emulated CPU is many times slower."""
    is_emulated = config.getoption("--arm64") and platform.machine() != "aarch64"
    return EMULATED_SLOWER if is_emulated else 1


client = pytest.fixture(scope="session")(engine)


@pytest.fixture(scope="session")
def recipe(pytestconfig: pytest.Config, target: str) -> str:
    """The bake target of the image under test: cpu, gpu, cpu-devel or gpu-devel."""
    return f"{target}-devel" if pytestconfig.getoption("--devel") else target


@pytest.fixture(scope="session")
def image(pytestconfig: pytest.Config, recipe: str) -> str:
    """The name of the image under test."""
    architecture = "-arm64" if pytestconfig.getoption("--arm64") else ""
    return str(pytestconfig.getoption("--image") or f"workload:{recipe}{architecture}")


@pytest.fixture(scope="session")
def config(client: DockerClient, image: str) -> dict[str, Any]:
    """Return the image's configuration: Cmd, User, Env, Labels, …"""
    return dict(client.images.get(image).attrs["Config"])


@pytest.fixture
def containers(
    client: DockerClient, image: str, pytestconfig: pytest.Config
) -> Iterator[Containers]:
    """Containers of the image under test."""
    containers = Containers(client, image, slower(pytestconfig))
    yield containers
    containers.remove_all()
