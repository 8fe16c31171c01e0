"""Two hosts with a link between them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.cluster.hosts import Host, Hosts


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option to run Slurm's tests too, which take minutes."""
    parser.addoption("--slurm", action="store_true", help="start a Slurm cluster on the hosts")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line("markers", "slurm: starts a Slurm cluster on the hosts")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select Slurm's tests or the others; neither is a skip."""
    chosen = bool(config.getoption("--slurm"))
    other = [item for item in items if bool(item.get_closest_marker("slurm")) != chosen]
    config.hook.pytest_deselected(items=other)
    items[:] = [item for item in items if item not in other]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the jobs' user may enter, unlike tmp_path."""
    with TemporaryDirectory(prefix="cluster-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def hosts(folder: Path) -> Iterator[Sequence[Host]]:
    """Two hosts, made for one test."""
    with Hosts(folder) as made:
        yield made
