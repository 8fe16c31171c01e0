"""Matrix products."""

from collections.abc import Callable

import pytest
from support.benchmarks.virtual_clock import clock

from workload.bench.operations import Operation
from workload.bench.operations.matmul import DEFAULT_SIZES, MatMul
from workload.core.shape import Shape, shape_label
from workload.core.units import DTYPE_BYTES

pytestmark = pytest.mark.benchmark(timer=clock)

# The default sizes of both devices, and the chapter's own matmul.
EDGES = sorted({edge for edges in DEFAULT_SIZES.values() for edge in edges})
SHAPES = [*((edge, edge, edge) for edge in EDGES), (64, 10_000, 100)]


@pytest.mark.parametrize("dtype", DTYPE_BYTES)
@pytest.mark.parametrize("shape", SHAPES, ids=shape_label)
def test_product(
    measured: Callable[[Operation], None], shape: tuple[int, int, int], dtype: str
) -> None:
    measured(MatMul(Shape(*shape), dtype))
