"""Bandwidth of the device's memory and of the bus to it."""

from collections.abc import Callable

import pytest
from virtual_clock import clock

from workload.cases import Kind
from workload.operations import Operation
from workload.operations.copies import ELEMENT_BYTES, TRANSFER_BYTES, Copy

pytestmark = pytest.mark.benchmark(timer=clock)


@pytest.mark.parametrize("kind", [Kind.COPY, Kind.TO_DEVICE, Kind.TO_HOST])
def test_copy(measured: Callable[[Operation], None], kind: Kind) -> None:
    measured(Copy(kind, TRANSFER_BYTES // ELEMENT_BYTES))
