"""Compares two sides on the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.outcome import Outcome
from support.records.measured import (
    write_record,
)

from workload.core.models.case import Case

Compare = Callable[..., Outcome]


@pytest.fixture
def compare(tmp_path: Path, workload: Callable[..., Outcome]) -> Compare:
    """`compare(a_cases, b_cases, *options)`: a record of each side, compared."""

    def call(a: list[Case], b: list[Case], *options: str) -> Outcome:
        paths = [write_record(tmp_path / name, *cases) for name, cases in (("a", a), ("b", b))]
        return workload("compare", *paths, *options)

    return call
