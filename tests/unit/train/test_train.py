"""The training loop gives the chapter's losses, on every run."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from support.outcome import Outcome

from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import PRESETS, TrainSpec
from workload.train.loop import train
from workload.train.modes.mode import draw


def chapter_losses(spec: TrainSpec) -> list[float]:
    """Run the chapter's code with a seed, without its prints."""
    torch.manual_seed(spec.seed)
    x = torch.randn(spec.batch_size, spec.input_size)
    y = torch.randn(spec.batch_size, spec.output_size)
    w1 = torch.randn(spec.input_size, spec.hidden_size, requires_grad=True)
    w2 = torch.randn(spec.hidden_size, spec.output_size, requires_grad=True)
    losses = []
    for _ in range(spec.steps):
        loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            w1 -= spec.learning_rate * w1.grad  # type: ignore[operator]  # backward() has set it
            w2 -= spec.learning_rate * w2.grad  # type: ignore[operator]  # as above
            w1.grad.zero_()  # type: ignore[union-attr]  # as above
            w2.grad.zero_()  # type: ignore[union-attr]  # as above
    return losses


def test_the_losses_are_the_chapters_bit_for_bit(cpu: DeviceInfo) -> None:
    spec = replace(PRESETS["book"], steps=150)
    assert list(train(spec, cpu).losses) == chapter_losses(spec)


def test_the_book_ends_near_3e_5_at_step_500(cpu: DeviceInfo) -> None:
    assert train(PRESETS["book"], cpu).final_loss == pytest.approx(3.03e-5, rel=0.05)


def test_the_wide_network_ends_near_2e_3_at_step_500(cpu: DeviceInfo) -> None:
    """Near: the float32 noise floor of this loss is of its own size (exact: 9.8e-6)."""
    final_loss = train(PRESETS["wide"], cpu).final_loss
    assert final_loss is not None
    assert 1e-6 < final_loss < 1e-2


def test_the_printed_code_diverges_at_step_5(cpu: DeviceInfo) -> None:
    result = train(PRESETS["printed"], cpu)
    assert result.diverged_at_step == 5
    assert result.losses[-1] == math.inf
    assert len(result.losses) == 5


def test_divergence_names_step_last_finite_loss_and_fix(
    workload: Callable[..., Outcome],
) -> None:
    outcome = workload("train", "--preset", "printed")
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "loss became inf at step 5 (the last finite loss was 1.46" in outcome.stderr
    assert "try --learning-rate 1e-07" in outcome.stderr


def test_a_diverged_run_reports_no_weights(cpu: DeviceInfo) -> None:
    assert train(PRESETS["printed"], cpu).weights_sha256 is None


def test_losses_are_printed_in_the_chapters_format(workload: Callable[..., Outcome]) -> None:
    outcome = workload("train", "--steps", "200")
    lines = [line for line in outcome.stdout.splitlines() if line.startswith("Iteration")]
    # Only this many digits: the rest is rounding, which differs from processor to processor.
    assert lines[0].startswith("Iteration:  100 \t Loss:  427.8")
    assert lines[1].startswith("Iteration:  200 \t Loss:  1.447")


def test_every_step_has_its_loss_in_the_json(workload: Callable[..., Outcome]) -> None:
    outcome = workload("train", "--steps", "7", "--json")
    assert len(json.loads(outcome.stdout)["train"][0]["losses"]) == 7


def test_json_leaves_stdout_to_the_document(workload: Callable[..., Outcome]) -> None:
    outcome = workload("train", "--steps", "100", "--json")
    assert json.loads(outcome.stdout)["kind"] == "train"
    assert "Iteration:  100" in outcome.stderr


def test_another_seed_draws_other_numbers() -> None:
    one, other = (draw(replace(PRESETS["book"], seed=seed)) for seed in (0, 1))
    assert not torch.equal(one[0], other[0])


def test_numbers_are_drawn_in_the_order_x_y_w1_w2() -> None:
    spec = TrainSpec(batch_size=2, input_size=3, hidden_size=4, output_size=5)
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 3), (2, 5), (3, 4), (4, 5))
    expected = [torch.randn(shape, generator=generator) for shape in shapes]
    assert all(map(torch.equal, draw(spec), expected))


def test_options_replace_single_values_of_the_preset(workload: Callable[..., Outcome]) -> None:
    outcome = workload("train", "--preset", "wide", "--steps", "2", "--hidden-size", "7", "--json")
    result = json.loads(outcome.stdout)["train"][0]
    assert (result["input_size"], result["hidden_size"], result["preset"]) == (10_000, 7, None)
