"""Beside the last loss stands what float64 reaches, and where rounding began to decide it."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from support.outcome import Outcome

from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_spec import PRESETS, TrainSpec
from workload.train import float64
from workload.train.float64 import with_float64
from workload.train.loop import train
from workload.train.modes.mode import draw
from workload.train.modes.reference import by_hand

SMALL = TrainSpec(batch_size=8, input_size=50, hidden_size=20, learning_rate=2e-5, steps=40)


def trained(spec: TrainSpec, cpu: DeviceInfo) -> TrainResult:
    return with_float64(train(spec, cpu), cpu)


def test_the_book_ends_in_rounding_a_hundred_times_above_float64(cpu: DeviceInfo) -> None:
    result = trained(PRESETS["book"], cpu)
    assert result.float64_loss == pytest.approx(2.66e-7, rel=0.01)
    assert (result.final_loss or 0) > 50 * (result.float64_loss or 0)
    assert 230 < (result.rounding_from_step or 0) < 350


@pytest.mark.parametrize("seed", [0, 1])
def test_any_network_has_the_loss_of_the_formula_by_hand(seed: int, cpu: DeviceInfo) -> None:
    spec = replace(SMALL, seed=seed)
    expected = by_hand(spec, draw(spec)).losses[-1]
    assert trained(spec, cpu).float64_loss == pytest.approx(float(expected), rel=1e-9)


def test_a_short_training_has_right_digits_to_its_end(cpu: DeviceInfo) -> None:
    result = trained(SMALL, cpu)
    assert result.final_loss == pytest.approx(result.float64_loss, rel=1e-3)
    assert result.rounding_from_step is None


def test_bfloat16_is_rounding_sooner(cpu: DeviceInfo) -> None:
    result = trained(replace(SMALL, dtype="bfloat16"), cpu)
    assert result.rounding_from_step is not None
    assert result.rounding_from_step < 40


@pytest.mark.parametrize("changes", [{"dtype": "float64"}, {"learning_rate": 1.0}])
def test_float64_and_a_diverged_training_have_nothing_beside_them(
    changes: dict[str, object], cpu: DeviceInfo
) -> None:
    spec = msgspec.convert({**vars(SMALL), **changes}, TrainSpec)
    result = trained(spec, cpu)
    assert (result.float64_loss, result.rounding_from_step) == (None, None)


@pytest.mark.parametrize("limit", ["MAX_STEPS", "MAX_FLOPS"])
def test_what_would_take_long_is_not_computed(
    limit: str, cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(float64, limit, 39)
    assert trained(SMALL, cpu).float64_loss is None


def test_the_line_says_where_rounding_began(workload: Callable[..., Outcome]) -> None:
    text = workload("train", "--device", "cpu").text
    assert "per step" in text
    assert ", loss 3.0" in text
    assert "e-05 (rounding error above 1% from step " in text
    assert " on; 2.66e-07 in float64)" in text


def test_a_loss_with_right_digits_stands_alone(workload: Callable[..., Outcome]) -> None:
    outcome = workload("train", "--device", "cpu", "--steps", "100")
    assert ", loss 427.8" in outcome.text
    assert "rounding" not in outcome.text
