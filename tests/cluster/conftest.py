"""Two hosts with a link between them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.cluster.hosts import Host, Hosts


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Sequence[Host]]:
    """Two hosts, made for one test."""
    with Hosts(tmp_path) as made:
        yield made
