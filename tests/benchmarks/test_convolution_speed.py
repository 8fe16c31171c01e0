"""Convolutions: cuDNN on a GPU, oneDNN on a CPU."""

from collections.abc import Callable

import pytest
from support.benchmarks.virtual_clock import clock

from workload.bench.operations import Operation
from workload.bench.operations.convolution import DEFAULT_SHAPES, Convolution
from workload.core.shape import shape_label
from workload.core.units import DTYPE_BYTES

pytestmark = pytest.mark.benchmark(timer=clock)

SHAPES = [shape for shapes in DEFAULT_SHAPES.values() for shape in shapes]
DTYPES = [dtype for dtype in DTYPE_BYTES if dtype != "float64"]  # no network computes in it


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=shape_label)
def test_convolution(
    measured: Callable[[Operation], None], shape: tuple[int, int, int, int], dtype: str
) -> None:
    measured(Convolution(*shape, dtype))
