"""What the launch of one operation costs, whatever it computes."""

from collections.abc import Callable

import pytest
from support.benchmarks.virtual_clock import clock

from workload.bench.operations import Operation
from workload.bench.operations.limits import Launch

pytestmark = pytest.mark.benchmark(timer=clock)


def test_launch(measured: Callable[[Operation], None]) -> None:
    measured(Launch())
