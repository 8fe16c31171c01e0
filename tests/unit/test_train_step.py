"""A step of the training loop as a benchmark: counted, and right before it is timed."""

from dataclasses import replace

import pytest
import train_step
from torch import Tensor
from train_step import TrainStep

from workload.bench import run_case
from workload.cases import CaseStatus
from workload.results import DeviceInfo
from workload.train_spec import PRESETS

SMALL = TrainStep(replace(PRESETS["book"], input_size=50, hidden_size=20))


def test_a_step_of_the_wide_loop_has_as_many_flops_as_torch_counts() -> None:
    assert TrainStep(PRESETS["wide"]).flops == 256_384_000  # torch.utils.flop_counter


@pytest.mark.parametrize("preset", ["book", "wide"])
def test_the_loop_agrees_with_float64(preset: str, cpu: DeviceInfo) -> None:
    share = TrainStep(PRESETS[preset]).prepare(cpu).error_share()
    assert share is not None
    assert share <= 1


def test_a_step_that_updates_wrongly_has_no_speed(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    def without_update(self: TrainStep, x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
        return train_step.eager_step(x, y, w1, w2, 0 * self.spec.learning_rate)

    monkeypatch.setattr(TrainStep, "_step", without_update)
    case = run_case(SMALL, cpu, 0.1)
    assert case.status is CaseStatus.WRONG
    assert case.gflops is None
