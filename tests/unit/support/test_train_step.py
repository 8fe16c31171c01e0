"""Steps of the training loop as a benchmark: checked first, then timed per step."""

import math
from dataclasses import replace

import pytest
import torch
from msgspec import structs
from support.benchmarks.threads import with_threads
from support.benchmarks.train_step import TrainSteps, of_one_step
from torch import Tensor

from workload.bench.runner import run_case, unmeasured
from workload.core.errors import WrongNumbersError
from workload.core.methods import HOST_CLOCK, WARM
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Timing
from workload.core.train_case import LAUNCHES
from workload.core.train_spec import BLOCK_STEPS, PRESETS
from workload.train.modes import MODES
from workload.train.modes.eager import EagerLoop
from workload.train.modes.mode import Mode

EAGER, DUAL = MODES["eager"], MODES["dual"]
SMALL = TrainSteps(replace(PRESETS["book"], input_size=50, hidden_size=20), EAGER)


def ten_steps() -> Case:
    timing = Timing(HOST_CLOCK, WARM, 3, (2e-3,) * 7, 0.1, steady=True, overhead_sec=1e-6)
    return structs.replace(unmeasured(SMALL, CaseStatus.OK), timing=timing)


def test_the_case_is_told_of_one_step(cpu: DeviceInfo) -> None:
    one = of_one_step(ten_steps(), cpu, EAGER)
    assert one.median_sec == pytest.approx(2e-3 / BLOCK_STEPS)
    assert one.gflops == pytest.approx(ten_steps().gflops)
    assert one.flops == SMALL.spec.step_flops
    assert one.launches == LAUNCHES["eager"]
    assert one.timing is not None
    assert one.timing.calls_per_sample == 3 * BLOCK_STEPS
    assert one.name == "train 64x50x20x10 eager float32"


def test_other_arithmetic_than_the_seeds_has_no_rate(cpu: DeviceInfo) -> None:
    one = of_one_step(ten_steps(), cpu, DUAL)
    assert one.median_sec == pytest.approx(2e-3 / BLOCK_STEPS)
    assert (one.gflops, one.gbs) == (None, None)


def test_a_training_has_the_threads_that_its_sizes_decide_and_says_so(cpu: DeviceInfo) -> None:
    session = structs.replace(cpu, threads=1, usable_cpus=2)
    with with_threads(session, PRESETS["wide"].threads) as device:
        assert torch.get_num_threads() == 2
        assert of_one_step(ten_steps(), device, EAGER).threads == 2
    assert torch.get_num_threads() == 1


def test_a_mode_that_the_device_lacks_is_not_applicable(cpu: DeviceInfo) -> None:
    case = run_case(replace(SMALL, mode=MODES["graph"]), cpu, 10)
    assert case.status is CaseStatus.NOT_APPLICABLE
    assert "mode graph is not supported by a CPU" in (case.reason or "")


@pytest.mark.parametrize("preset", ["book", "wide"])
def test_the_loop_agrees_with_float64(preset: str, cpu: DeviceInfo) -> None:
    share = TrainSteps(PRESETS[preset], EAGER).prepare(cpu).error_share()
    assert share is not None
    assert 0 < share <= 1


class WithoutUpdates(EagerLoop):
    def advance(self, count: int) -> Tensor:
        self._learning_rate = 0.0
        return super().advance(count)


class NotFinite(EagerLoop):
    def advance(self, count: int) -> Tensor:
        return super().advance(count) * math.nan


@pytest.mark.parametrize("loop", [WithoutUpdates, NotFinite])
def test_a_loop_with_wrong_losses_has_no_speed(loop: type[EagerLoop], cpu: DeviceInfo) -> None:
    with pytest.raises(WrongNumbersError, match="mode wrong computes wrong numbers here"):
        run_case(replace(SMALL, mode=Mode("wrong", loop)), cpu, 10)
