"""Bandwidth of the device's memory and of the bus to it."""

from collections.abc import Callable

import pytest
from support.benchmarks.virtual_clock import clock

from workload.bench.operations import Operation
from workload.bench.operations.limits import ELEMENT_BYTES, TRANSFER_BYTES, Copy
from workload.core.models.case import Kind

pytestmark = pytest.mark.benchmark(timer=clock)


@pytest.mark.parametrize("kind", [Kind.COPY, Kind.TO_DEVICE, Kind.TO_HOST])
def test_copy(measured: Callable[[Operation], None], kind: Kind) -> None:
    measured(Copy(kind, TRANSFER_BYTES // ELEMENT_BYTES))
