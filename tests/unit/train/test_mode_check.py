"""A wrong mode is found before it is timed; a correct one passes."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from support import mode_cases
from support.mode_cases import CPU, data_of, wrong
from support.outcome import Outcome

from workload.core.errors import ExitCode, WrongNumbersError
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_spec import PRESETS, TrainSpec
from workload.train.loop import train
from workload.train.modes import MODES, check
from workload.train.modes.dual import DualLoop
from workload.train.modes.eager import EAGER
from workload.train.modes.mode import Loop, Mode
from workload.train.modes.reference import CLEAR_SPEC, by_hand, clear_run

BOOK = PRESETS["book"]
WRONG = [
    mode_cases.UpdatesFirst,
    mode_cases.StepsTooFar,
    mode_cases.NeverClosed,
    mode_cases.ForgetsTheUpdate,
    mode_cases.NotFinite,
    mode_cases.WrongIfLong,
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loop", WRONG)
def test_a_wrong_mode_is_found(loop: type[mode_cases.FusedLoop], dtype: str) -> None:
    with pytest.raises(WrongNumbersError, match="mode fused computes wrong numbers here"):
        check.require_right(wrong(loop), replace(BOOK, dtype=dtype), CPU)


def test_a_loss_that_is_wrong_for_these_shapes_only_is_named() -> None:
    with pytest.raises(WrongNumbersError, match=r"its loss at step 1 is \d+, not \d+.* as in"):
        check.require_right(wrong(mode_cases.WrongIfLong), BOOK, CPU)


def test_a_wrong_dual_form_is_found() -> None:
    class Forgetful(DualLoop):
        def _update(self, g: torch.Tensor) -> None:
            self._pre.addmm_(g, self._gram, alpha=(1 + 1e-6) * self._rate)

    mode = Mode("dual", Forgetful, same_arithmetic=False)
    with pytest.raises(WrongNumbersError, match="mode dual computes wrong numbers here"):
        check.require_right(mode, replace(BOOK, dtype="float64"), CPU)


def test_a_wrong_mode_is_refused_before_it_is_timed(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    shown: list[TrainResult] = []
    monkeypatch.setitem(MODES, "fused", wrong(mode_cases.UpdatesFirst))
    with pytest.raises(WrongNumbersError):
        train(BOOK, cpu, mode="fused", on_progress=shown.append)
    assert shown == []


def test_a_wrong_mode_ends_the_command_without_a_speed(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    monkeypatch.setitem(MODES, "fused", wrong(mode_cases.NeverClosed))
    outcome = workload("train", "--mode", "fused", "--json")
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert outcome.stderr.count("mode fused computes wrong numbers here") == 1
    assert "per step," not in outcome.stderr
    assert json.loads(outcome.stdout)["train"] is None


@pytest.mark.parametrize("dtype", ["tf32", "bfloat16", "float16"])
def test_dtypes_that_flip_relus_have_their_mode_checked_in_float32(dtype: str) -> None:
    asked = []

    def start(spec: TrainSpec, device: DeviceInfo, data: mode_cases.Data) -> Loop:
        asked.append(spec.dtype)
        return EAGER.start(spec, device, data)

    check.require_right(Mode("eager", start), replace(BOOK, dtype=dtype), CPU)
    assert asked == ["float32"]


def test_a_loss_that_grows_is_not_held_against_a_mode() -> None:
    """A growing loss amplifies rounding; the training reports one that is not finite."""
    check.require_right(EAGER, PRESETS["printed"], CPU)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["eager", "fused", "onednn"])
def test_no_right_mode_is_called_wrong(name: str, seed: int) -> None:
    """On networks of all shapes, where ReLUs do flip."""
    generator = torch.Generator().manual_seed(seed)
    batch, inputs, hidden, outputs = (
        int(torch.randint(1, top, (), generator=generator)) for top in (80, 500, 60, 12)
    )
    spec = TrainSpec(batch, inputs, hidden, outputs, 3e-3 / inputs, seed=seed)
    check.require_right(mode_cases.CASES[name][0], spec, CPU)


def test_large_networks_are_checked_on_fewer_steps() -> None:
    large = TrainSpec(batch_size=1024, input_size=10_000, hidden_size=4096)
    assert [check._steps(spec) for spec in (BOOK, large)] == [check.STEPS, 2]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_clear_network_keeps_clear_of_relus_that_rounding_decides(dtype: str) -> None:
    data, reference = clear_run(dtype, 0)
    assert reference.clear
    assert torch.equal(by_hand(replace(CLEAR_SPEC, dtype=dtype), data).losses, reference.losses)


def test_a_relu_at_zero_is_not_clear_and_may_move_later_losses_only() -> None:
    (x, y, w1, w2), _ = clear_run("float32", 0)
    x, w1 = x.double(), w1.double()
    w1[:, 0] = 1e-7 * x[0]  # any input's product with it is small
    w1[:, 0] -= x[1] * (x[1] @ w1[:, 0]) / (x[1] @ x[1])  # this one's is zero
    reference = by_hand(CLEAR_SPEC, (x, y, w1, w2))
    assert not reference.clear
    assert reference.flips[0] == 0
    assert reference.flips[1] > 0


def test_a_flipped_relu_moves_the_next_loss_by_less_than_is_allowed_for_it() -> None:
    """Two runs that differ by nothing but a ReLU, open in one and closed in the other."""
    spec = replace(CLEAR_SPEC, steps=2)
    x, y, w1, w2 = (tensor.double() for tensor in data_of(spec))
    w1[:, 0] -= x[1] * (x[1] @ w1[:, 0]) / (x[1] @ x[1])  # on the edge for sample 1
    nudge = 1e-9 * x[1] / (x[1] @ x[1])
    opened, closed = w1.clone(), w1.clone()
    opened[:, 0] += nudge
    closed[:, 0] -= nudge
    one, other = (by_hand(spec, (x, y, w, w2)) for w in (opened, closed))
    moved = (one.losses.sqrt() - other.losses.sqrt()).abs()
    assert moved[0] < 1e-6 < moved[1] <= one.flips[1]
