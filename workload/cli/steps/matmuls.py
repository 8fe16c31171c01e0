"""The matmuls to measure: requested or default ones."""

from workload.bench.operations.matmul import DEFAULT_SIZES, MatMul, squares
from workload.bench.runner import memory_problem
from workload.bench.timing import TimingConfig
from workload.cli.options import MatmulOptions, RunOptions
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.hardware.cpu_dtypes import benchmarked_dtypes


def requested_matmuls(options: MatmulOptions | RunOptions, device: DeviceInfo) -> list[MatMul]:
    """Return the requested matmuls, or the default ones."""
    shapes = options.sizes or default_shapes(device)
    dtypes = options.dtypes or benchmarked_dtypes(device)
    config = TimingConfig(cache=options.cache)
    return [MatMul(shape, dtype, config) for shape in shapes for dtype in dtypes]


def default_shapes(device: DeviceInfo) -> list[Shape]:
    """Return the default sizes that fit the memory in every dtype, at least the smallest.

    These sizes were not requested, so a container too small for them is not unfit.
    """
    shapes = squares(*DEFAULT_SIZES[device.kind])
    fitting = [
        shape for shape in shapes if memory_problem(MatMul(shape, "float64"), device) is None
    ]
    return fitting or shapes[:1]
