"""Speed of one matrix product, right before it is timed. Short: the numbers that count come
from `workload matmul`.
"""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from workload import devices, product_check
from workload.results import DeviceInfo

EDGE = 512


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_square_product(benchmark: BenchmarkFixture, device_info: DeviceInfo, dtype: str) -> None:
    where = devices.torch_device(device_info)
    generator = torch.Generator(where).manual_seed(0)
    a, b = (
        torch.randn(EDGE, EDGE, generator=generator, device=where, dtype=devices.torch_dtype(dtype))
        for _ in range(2)
    )

    def product() -> torch.Tensor:
        result = a.mm(b)
        devices.synchronize(device_info)
        return result

    ratio = product_check.worst_ratio(a, b, product(), dtype)
    assert ratio is not None
    assert ratio <= 1
    benchmark.extra_info.update(device=device_info.name, flops=2 * EDGE**3)
    benchmark.pedantic(product, rounds=5, iterations=4, warmup_rounds=2)
