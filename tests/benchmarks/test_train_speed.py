"""Speed of the chapter's training loop, in blocks of steps that end with finite losses."""

from dataclasses import replace

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from workload.results import DeviceInfo
from workload.train import train
from workload.train_spec import PRESETS

STEPS = 10


@pytest.mark.parametrize("preset", ["book", "wide"])
def test_training(benchmark: BenchmarkFixture, device_info: DeviceInfo, preset: str) -> None:
    spec = replace(PRESETS[preset], steps=STEPS)
    benchmark.extra_info.update(device=device_info.name, steps=STEPS)
    result = benchmark.pedantic(train, args=(spec, device_info), rounds=3, warmup_rounds=1)
    assert len(result.losses) == STEPS
    assert result.losses[-1] < result.losses[0]
