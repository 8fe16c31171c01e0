"""A mode that cannot run is refused in one line; `auto` chooses the fastest that can."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.mode_cases import (
    CPU,
    GPU,
    StepsTooFar,
    install_stand_ins,
    start,
    wrong,
)
from support.outcome import Outcome

from workload.core.errors import BadInputError, UnfitError, WrongNumbersError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import BLOCK_STEPS, PRESETS, TrainSpec
from workload.hardware import compilers
from workload.train import modes
from workload.train.modes import MODES, choose
from workload.train.modes import compile as compile_mode
from workload.train.modes.mode import draw

BOOK = replace(PRESETS["book"], steps=60)

SHORT = replace(BOOK, steps=2 * BLOCK_STEPS + 3)


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    install_stand_ins(monkeypatch)


@pytest.mark.parametrize(
    ("name", "dtype", "device", "error", "words"),
    [
        ("graph", "float32", CPU, UnfitError, "choose --device cuda, or --mode fused"),
        ("dual", "float32", CPU, BadInputError, "add --dtype float64"),
        ("dual", "bfloat16", GPU, BadInputError, "needs float64, not bfloat16"),
    ],
)
def test_a_mode_that_cannot_run_is_refused_in_one_line(
    name: str, dtype: str, device: DeviceInfo, error: type[Exception], words: str
) -> None:
    spec = replace(SHORT, dtype=dtype)
    with pytest.raises(error, match=words) as refusal:
        choose(name, spec, device, draw(spec))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("device", "variable", "missing"),
    [(CPU, "CXX", r"needs g\+\+"), (GPU, "CC", "needs a C compiler")],
)
def test_compile_is_refused_without_a_compiler(
    device: DeviceInfo, variable: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("WORKLOAD_VARIANT", raising=False)
    with pytest.raises(UnfitError, match=missing) as refusal:
        choose("compile", SHORT, device, draw(SHORT))
    assert ": install g++, openssl and python3-dev, or choose another" in str(refusal.value)


def test_in_an_image_the_refusal_names_the_one_with_a_compiler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("WORKLOAD_VARIANT", "gpu")
    with pytest.raises(UnfitError, match="use the image workload:gpu-devel ") as refusal:
        choose("compile", SHORT, GPU, draw(SHORT))
    assert "\n" not in str(refusal.value)


def test_compile_is_refused_where_nothing_that_it_builds_can_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(compile_mode, "noexec_cache", lambda: "/cache")
    monkeypatch.setattr(compilers.sysconfig, "get_path", lambda _name: Path(__file__).parents[1])
    monkeypatch.setattr(compilers.Path, "exists", lambda _path: True)
    with pytest.raises(UnfitError, match=r"/cache is mounted noexec: .* --tmpfs /tmp:exec"):
        choose("compile", SHORT, CPU, draw(SHORT))


def test_compile_is_refused_without_pythons_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(compilers.sysconfig, "get_path", lambda _name: "/nowhere")
    with pytest.raises(UnfitError, match=r"needs Python\.h"):
        choose("compile", SHORT, CPU, draw(SHORT))


def test_a_compiler_named_in_the_environment_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++")
    with pytest.raises(UnfitError, match=r"needs g\+\+"):
        choose("compile", SHORT, CPU, draw(SHORT))


def test_a_compiler_that_fails_is_an_unfit_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("C++ compile error\nhundreds of lines")

    monkeypatch.setattr(torch, "compile", lambda _step, **_options: failing)
    with pytest.raises(
        UnfitError, match=r"torch.compile failed \(C\+\+ compile error\): run `workload doctor` to "
    ):
        start("compile", SHORT)


def test_a_cache_that_cannot_be_made_is_an_unfit_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_only(*_: object, **_options: object) -> None:
        raise OSError(30, "Read-only file system", "/cache")

    monkeypatch.setattr(torch, "compile", read_only)
    with pytest.raises(UnfitError, match=r"failed \(\[Errno 30\] Read-only file system: '/cache"):
        start("compile", SHORT)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Return the seconds per step that `auto` measures for each mode."""
    seconds = {"eager": 2e-3, "fused": 1e-3, "compile": 5e-4}
    monkeypatch.setattr(modes, "_trial_sec", lambda mode, *_: seconds[mode.name])
    return seconds


def auto(spec: TrainSpec) -> tuple[str, str]:
    mode, reason = choose("auto", spec, CPU, draw(spec))
    return mode.name, reason


def test_auto_takes_the_fastest_and_says_why(
    trials: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trials
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(compilers.Path, "exists", lambda _path: True)
    assert auto(SHORT) == (
        "fused",
        "auto: the fastest (eager 2 ms, fused 1 ms per step); "
        "compile not tried: compiling takes longer than the training run",
    )


def test_auto_takes_eager_where_that_is_fastest(trials: dict[str, float]) -> None:
    trials["eager"] = 1e-4
    assert auto(SHORT)[0] == "eager"


def test_auto_compiles_where_the_training_is_long(
    trials: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trials
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(compilers.sysconfig, "get_path", lambda _name: Path(__file__).parents[1])
    monkeypatch.setattr(compilers.Path, "exists", lambda _path: True)
    assert auto(replace(SHORT, steps=10**6))[0] == "compile"


def test_auto_never_takes_other_arithmetic_than_the_seeds(trials: dict[str, float]) -> None:
    trials["dual"] = 1e-9
    assert auto(replace(SHORT, dtype="float64"))[0] == "fused"


def test_auto_leaves_out_a_mode_that_is_wrong(
    trials: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    trials["fused"] = 1e-9
    monkeypatch.setitem(MODES, "fused", wrong(StepsTooFar))
    name, reason = auto(SHORT)
    assert name == "eager"
    assert "fused left out: its numbers are wrong" in reason


def test_auto_has_no_mode_where_all_are_wrong(
    trials: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trials
    for name in ("eager", "fused", "compile"):
        monkeypatch.setitem(MODES, name, wrong(StepsTooFar))
    with pytest.raises(WrongNumbersError, match="computes wrong numbers here"):
        auto(SHORT)


def test_auto_tells_on_the_command_line_what_it_took(workload: Callable[..., Outcome]) -> None:
    outcome = workload("train", "--steps", "3", "--mode", "auto", "--json")
    (result,) = json.loads(outcome.stdout)["train"]
    assert result["mode"] in ("eager", "fused")
    assert f"mode       {result['mode']} (auto: the fastest (eager " in outcome.stderr
