"""Every mode does the chapter's steps and can be resumed; `auto` chooses the fastest."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.fakes.cuda_graph import FakeGraph
from support.mode_cases import (
    BY_DTYPE,
    CASES,
    install_stand_ins,
    start,
)
from support.outcome import Outcome

from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_spec import BLOCK_STEPS, MODE_NAMES, PRESETS, TrainSpec
from workload.train.loop import train
from workload.train.modes import MODES, check
from workload.train.modes.mode import draw
from workload.train.modes.reference import by_hand

BOOK = replace(PRESETS["book"], steps=60)
WIDE_LIKE = replace(PRESETS["wide"], input_size=3000, learning_rate=3e-7, steps=60)
SHORT = replace(BOOK, steps=2 * BLOCK_STEPS + 3)
EVERY = [(name, dtype) for dtype, names in BY_DTYPE.items() for name in names]
USABLE = [("eager", "float32"), ("fused", "float32"), ("fused", "float64"), ("dual", "float64")]


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    install_stand_ins(monkeypatch)


@pytest.mark.parametrize("spec", [BOOK, WIDE_LIKE], ids=["book", "wide-like"])
@pytest.mark.parametrize(("name", "dtype"), EVERY)
def test_a_mode_has_the_losses_of_the_float64_loop(name: str, dtype: str, spec: TrainSpec) -> None:
    mode, device = CASES[name]
    check.require_right(mode, replace(spec, dtype=dtype), device)


@pytest.mark.parametrize("name", BY_DTYPE["float64"])
def test_a_mode_leaves_the_weights_that_eager_leaves(name: str) -> None:
    spec = replace(WIDE_LIKE, dtype="float64")
    loop, eager = start(name, spec), start("eager", spec)
    loop.advance(spec.steps)
    eager.advance(spec.steps)
    for weight, expected in zip(loop.weights(), eager.weights(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("name", "dtype"), EVERY)
def test_a_mode_leaves_the_data_it_was_given_alone(name: str, dtype: str) -> None:
    spec = replace(SHORT, dtype=dtype)
    mode, device = CASES[name]
    data = draw(spec)
    loop = mode.start(spec, device, data)
    loop.advance(spec.steps)
    loop.weights()
    assert all(map(torch.equal, data, draw(spec)))


@pytest.mark.parametrize(("name", "dtype"), EVERY)
def test_the_numbers_do_not_depend_on_how_steps_are_grouped(name: str, dtype: str) -> None:
    """With losses of so many elements that a library may sum them by several threads."""
    spec = replace(SHORT, dtype=dtype, input_size=100, output_size=1024, learning_rate=1e-7)
    whole, stepwise = start(name, spec), start(name, spec)
    losses = torch.cat([stepwise.advance(1) for _ in range(spec.steps)])
    assert torch.equal(whole.advance(spec.steps), losses)
    assert all(map(torch.equal, whole.weights(), stepwise.weights()))


def test_dual_stays_within_1e_8_of_the_float64_loop_for_500_steps() -> None:
    spec = replace(WIDE_LIKE, dtype="float64", steps=500)
    dual, eager = (start(name, spec).advance(spec.steps) for name in ("dual", "eager"))
    assert float(((dual - eager) / eager).abs().max()) < 1e-8


def test_asking_dual_for_its_weights_twice_gives_the_same() -> None:
    loop = start("dual", replace(SHORT, dtype="float64"))
    loop.advance(SHORT.steps)
    first = [weight.clone() for weight in loop.weights()]
    assert all(map(torch.equal, first, loop.weights()))


def test_a_graph_is_replayed_for_a_block_of_steps_and_one_for_each_that_remains() -> None:
    mode, device = CASES["graph"]
    loop = mode.start(SHORT, device, draw(SHORT))
    loop.advance(SHORT.steps)
    graphs: dict[int, tuple[FakeGraph, object]] = vars(loop)["_graphs"]
    assert {steps: graph.replays for steps, (graph, _) in graphs.items()} == {BLOCK_STEPS: 2, 1: 3}


def test_warming_up_and_capturing_a_graph_takes_no_step() -> None:
    _, _, w1, w2 = draw(SHORT)
    assert all(map(torch.equal, start("graph", SHORT).weights(), (w1, w2)))


@pytest.mark.parametrize("name", ["eager", "fused"])
def test_a_mode_finds_the_step_at_which_the_printed_code_diverges(
    name: str, cpu: DeviceInfo
) -> None:
    result = train(PRESETS["printed"], cpu, mode=name)
    assert (result.diverged_at_step, result.losses[-1]) == (5, torch.inf)


@pytest.mark.parametrize("name", BY_DTYPE["float32"])
def test_the_printed_codes_losses_leave_the_numbers_at_step_5(name: str) -> None:
    finite = torch.isfinite(start(name, PRESETS["printed"]).advance(8))
    assert finite.tolist() == [True] * 4 + [False] * 4


def test_dual_diverges_where_the_float64_loop_does(cpu: DeviceInfo) -> None:
    spec = replace(PRESETS["printed"], dtype="float64")
    steps = [train(spec, cpu, mode=name).diverged_at_step for name in ("eager", "dual")]
    assert steps[0] == steps[1] is not None


def test_the_command_line_reports_divergence_of_any_mode(
    workload: Callable[..., Outcome],
) -> None:
    outcome = workload("train", "--preset", "printed", "--mode", "fused")
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "loss became inf at step 5 (the last finite loss was 1.46" in outcome.stderr


@pytest.mark.parametrize(("name", "dtype"), USABLE)
def test_an_interrupted_run_resumed_by_its_mode_is_bit_identical(
    name: str, dtype: str, tmp_path: Path, cpu: DeviceInfo
) -> None:
    spec = replace(PRESETS["book"], dtype=dtype, steps=230)

    def run(path: Path, resume: bool = False, interrupt_at: int = 0) -> TrainResult:
        def interrupt(step: int, _loss: float) -> None:
            if step == interrupt_at:
                raise KeyboardInterrupt

        return train(
            spec,
            cpu,
            mode=name,
            checkpoint_path=path,
            checkpoint_every=37,
            resume=resume,
            on_report=interrupt,
        )

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "interrupted", interrupt_at=200)
    resumed = run(tmp_path / "interrupted", resume=True)
    whole = run(tmp_path / "whole")
    assert resumed.resumed_from_step == 5 * 37
    assert (resumed.losses, resumed.weights_sha256) == (whole.losses, whole.weights_sha256)


@pytest.mark.parametrize(
    ("dtype", "first", "second"),
    [
        ("float32", "eager", "fused"),
        ("float32", "fused", "eager"),
        ("float64", "eager", "dual"),
        ("float64", "dual", "fused"),
    ],
)
def test_a_run_resumed_by_another_mode_stays_within_the_bound(
    dtype: str, first: str, second: str, tmp_path: Path, cpu: DeviceInfo
) -> None:
    spec, path = replace(BOOK, dtype=dtype), tmp_path / "run"
    train(replace(spec, steps=33), cpu, mode=first, checkpoint_path=path)
    resumed = train(spec, cpu, mode=second, checkpoint_path=path, resume=True)
    reference = by_hand(spec, draw(spec))
    losses = torch.tensor(resumed.losses, dtype=torch.float64)
    assert (resumed.resumed_from_step, len(losses)) == (33, 60)
    assert check.first_wrong(losses, reference, MODES[second]) is None


def test_the_record_names_the_mode_and_why_it_was_taken(workload: Callable[..., Outcome]) -> None:
    outcome = workload("train", "--steps", "3", "--mode", "fused", "--json")
    (result,) = json.loads(outcome.stdout)["train"]
    assert (result["mode"], result["mode_reason"]) == ("fused", "--mode fused")
    assert "mode       fused (--mode fused)" in outcome.stderr
    assert "train      custom float32 fused: 3 steps" in outcome.stderr


def test_the_default_is_the_chapters_loop_and_needs_no_words(
    workload: Callable[..., Outcome],
) -> None:
    outcome = workload("train", "--steps", "3")
    assert "mode" not in outcome.stdout
    assert "train      custom float32: 3 steps" in outcome.stdout


def test_the_command_line_takes_every_mode_and_auto() -> None:
    assert set(MODE_NAMES) == {*MODES, "auto"}
