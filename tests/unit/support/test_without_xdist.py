"""Where pytest-xdist is missing, its options are accepted and benchmarks keep their times."""

import json
import os
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
CONFTEST = """
from support.without_xdist import add_options

def pytest_addoption(parser):
    add_options(parser.getgroup("workload"))
"""


def test_a_benchmark_is_recorded_without_xdist(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("def test_quick(benchmark): benchmark(int)")
    ended = pytester.runpytest_subprocess("-p", "no:xdist", "--benchmark-json=times.json")
    ended.assert_outcomes(passed=1)
    (recorded,) = json.loads((pytester.path / "times.json").read_text())["benchmarks"]
    assert recorded["stats"]["rounds"] > 0
