"""The examples in docstrings hold."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import workload

ROOT = Path(workload.__file__).parents[1]


@pytest.mark.parametrize(
    "module",
    [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted(Path(workload.__file__).parent.rglob("*.py"))
        if ">>> " in path.read_text()
    ],
)
def test_the_examples_in_docstrings_hold(module: str) -> None:
    outcome = doctest.testmod(import_module(module))
    assert outcome.attempted
    assert not outcome.failed
