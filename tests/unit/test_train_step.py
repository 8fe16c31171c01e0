"""A step of the training loop as a benchmark: counted, and right before it is timed."""

from dataclasses import replace

import pytest
from torch import Tensor
from train_step import STEPS, TrainSteps, of_one_step

from workload.bench import run_case, unmeasured
from workload.cases import HOST_CLOCK, WARM, CaseStatus, Timing
from workload.engines import ENGINES
from workload.engines.eager import EagerLoop
from workload.engines.engine import Engine
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


class WithoutUpdates(EagerLoop):
    def advance(self, count: int) -> Tensor:
        self._learning_rate = 0.0
        return super().advance(count)


def test_a_loop_that_updates_wrongly_has_no_speed(cpu: DeviceInfo) -> None:
    wrong = Engine("wrong", WithoutUpdates)
    case = run_case(replace(SMALL, engine=wrong), cpu, 10)  # wrong before it is timed
    assert case.status is CaseStatus.WRONG
    assert case.gflops is None


def test_other_arithmetic_has_a_time_and_no_rate(cpu: DeviceInfo) -> None:
    dual = TrainSteps(replace(SMALL.spec, dtype="float64"), ENGINES["dual"])
    case = run_case(dual, cpu, 0.3)
    assert case.status is CaseStatus.OK, case.reason
    assert (case.gflops, case.gbs) == (None, None)
    assert case.median_sec


def test_an_engine_that_a_device_lacks_is_not_applicable(cpu: DeviceInfo) -> None:
    case = run_case(replace(SMALL, engine=ENGINES["graph"]), cpu, 0.3)
    assert case.status is CaseStatus.NOT_APPLICABLE
    assert case.reason is not None
    assert case.reason.startswith("engine graph needs a CUDA device")
