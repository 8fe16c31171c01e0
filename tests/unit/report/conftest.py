"""Pages of simulated records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.page.reader import Page
from support.records.synthetic import (
    CPU,
    GPU,
    host_cpu,
    made,
)

from workload.core.models.record import Record
from workload.core.records import dump
from workload.report.page import build_page, load_results

Render = Callable[..., Page]


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """The page of these records, read back from files."""

    def page(*records: Record | dict[str, Any]) -> Page:
        for number, content in enumerate(records):
            folder = tmp_path / str(number)
            folder.mkdir(exist_ok=True)
            (folder / "record.json").write_bytes(dump(content))
        return Page(build_page(*load_results(tmp_path)))

    return page


@pytest.fixture
def both(render: Render) -> Page:
    return render(made(CPU), made(GPU, host_cpu=host_cpu()))
