"""A step of the training loop as a benchmark: counted, and right before it is timed."""

from dataclasses import replace

import pytest
import train_step
from torch import Tensor
from train_step import ENGINES, STEPS, TrainSteps, of_one_step

from workload.bench import run_case, unmeasured
from workload.cases import HOST_CLOCK, WARM, CaseStatus, Timing
from workload.results import DeviceInfo
from workload.train_spec import PRESETS

EAGER = ENGINES["eager"]
SMALL = TrainSteps(replace(PRESETS["book"], input_size=50, hidden_size=20), EAGER)


def test_a_step_of_the_wide_loop_has_as_many_flops_as_torch_counts() -> None:
    # torch.utils.flop_counter
    assert TrainSteps(PRESETS["wide"], EAGER).flops == STEPS * 256_384_000


def test_the_case_is_told_of_one_step() -> None:
    timing = Timing(HOST_CLOCK, WARM, 3, (2e-3,) * 7, 0.1, steady=True, overhead_sec=1e-6)
    ten = replace(unmeasured(SMALL, CaseStatus.OK), timing=timing)
    one = of_one_step(ten, EAGER)
    assert one.median_sec == pytest.approx(2e-3 / STEPS)
    assert one.gflops == pytest.approx(ten.gflops)
    assert one.timing is not None
    assert one.timing.calls_per_sample == 3 * STEPS
    assert one.name == "train 64x50x20x10 eager float32"


@pytest.mark.parametrize("preset", ["book", "wide"])
def test_the_loop_agrees_with_float64(preset: str, cpu: DeviceInfo) -> None:
    prepared = TrainSteps(PRESETS[preset], EAGER).prepare(cpu)
    prepared.call()
    share = prepared.error_share()
    assert share is not None
    assert share <= 1


class WithoutUpdates(train_step.EagerLoop):
    def advance(self, count: int) -> Tensor:
        self._learning_rate = 0.0
        return super().advance(count)


def test_a_loop_that_updates_wrongly_has_no_speed(cpu: DeviceInfo) -> None:
    wrong = train_step.Engine("wrong", WithoutUpdates, launches=1)
    case = run_case(replace(SMALL, engine=wrong), cpu, 10)  # wrong before it is timed
    assert case.status is CaseStatus.WRONG
    assert case.gflops is None
