"""A registry on loopback, the engine, and the table of the bytes moved between them."""

from collections.abc import Iterator

import pytest
from support.containers import engine
from support.registry.local_registry import LocalRegistry
from support.registry.rebase import on_another_base
from support.registry.shipping import CPU, REPOSITORY, Move, Shipping

from docker import DockerClient

MOVES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option to push the GPU image too: gigabytes, and minutes of compression."""
    parser.addoption("--push-gpu", action="store_true", help="move the GPU image for real")
    parser.addoption("--platforms", action="store_true", help="join amd64 and arm64, nothing else")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker, and begin the table."""
    config.addinivalue_line("markers", "moves_gpu: pushes and pulls the GPU image")
    config.addinivalue_line("markers", "joins: needs the GPU image for arm64 too")
    config.stash[MOVES] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what takes minutes unless it is requested; it is no skip."""
    joins, moves = config.getoption("--platforms"), config.getoption("--push-gpu")
    left_out = [
        item
        for item in items
        if bool(item.get_closest_marker("joins")) != joins
        or (item.get_closest_marker("moves_gpu") and not moves)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the table."""
    for line in terminalreporter.config.stash[MOVES]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> list[str]:
    """The lines to show at the end."""
    return pytestconfig.stash[MOVES]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """A server with an empty storage that goes with it."""
    try:
        with LocalRegistry(tmp_path_factory.mktemp("registry")) as registry:
            yield registry
    except FileNotFoundError as missing:
        pytest.fail(str(missing))


client = pytest.fixture(scope="session")(engine)


@pytest.fixture(scope="session")
def shipping(client: DockerClient, registry: LocalRegistry, table: list[str]) -> Iterator[Shipping]:
    """Pushes to and pulls from that server; every tag it made is removed at the end."""
    shipping = Shipping(client, registry, table)
    yield shipping
    shipping.remove_all()


@pytest.fixture(scope="session")
def pushed(shipping: Shipping) -> Move:
    """The CPU image, pushed and pruned."""
    return shipping.push(CPU, "1-cpu", "push of the CPU image")


@pytest.fixture(scope="session")
def first(shipping: Shipping, registry: LocalRegistry, pushed: Move) -> Move:
    """The CPU image on a base that no engine has, pulled: every layer is new to the engine."""
    assert pushed
    on_another_base(registry, REPOSITORY, "1-cpu", "1-cpu-fresh")
    return shipping.pull("1-cpu-fresh", "first pull of the CPU image")
