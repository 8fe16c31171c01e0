"""The main job from the doctor to the verdict, on a CPU and on a GPU."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.outcome import Outcome

from workload.bench import runner, timing
from workload.bench.operations.limits import Launch
from workload.bench.operations.matmul import MatMul
from workload.bench.timers import Call, Laps, Timer, make_timer
from workload.cli.arguments import parse
from workload.cli.commands import run
from workload.cli.options import RunOptions
from workload.cli.steps import doctor, measure, verify
from workload.cli.steps.measure import requested_matmuls
from workload.core import records
from workload.core.errors import ExitCode, worst_code
from workload.core.methods import HOST_CLOCK
from workload.core.models import timing as timings
from workload.core.models.case import Kind
from workload.core.models.device import DeviceInfo
from workload.core.models.finding import Finding, State
from workload.core.models.verify import VerifyResult
from workload.core.shape import Shape
from workload.hardware import devices
from workload.train import loop

QUICK = "run --device cpu --budget 1 --sizes 64,256 --dtypes float32,bfloat16"


def test_the_main_job_ends_with_a_verdict_and_a_valid_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr(run, "MIN_MATMUL_SEC", 2.0)
    outcome = workload(*QUICK.split(), "--output", tmp_path)
    assert outcome.code == ExitCode.OK, outcome.stderr
    (path,) = tmp_path.iterdir()
    saved = records.load(path)
    assert saved.status == "complete"
    assert saved.findings
    assert saved.verify
    assert [training.preset for training in saved.train or ()] == ["book", "wide"]
    kinds = [case.kind for case in saved.cases or ()]
    assert kinds.count(Kind.MATMUL) == 4
    assert Kind.CONVOLUTION in kinds
    best, trained, verdict, place = outcome.stdout.splitlines()[-4:]
    assert re.fullmatch(r"best       matmul float32 [\d.]+, bfloat16 [\d.]+ GFLOP/s", best)
    assert trained.startswith("train      book ")
    assert verdict.startswith("PASS  cpu ")
    assert place == f"record     {path}"
    assert "\n\n\n" not in outcome.stdout


@pytest.fixture
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a run brief: one training and a second of matmuls."""
    monkeypatch.setattr(run, "TRAIN_PRESETS", ("book",))
    monkeypatch.setattr(run, "MIN_MATMUL_SEC", 1.0)
    monkeypatch.setattr(run, "with_best_threads", lambda device, *_: device)
    monkeypatch.setattr(run, "default_convolutions", lambda _device: [])


@pytest.mark.usefixtures("_brief")
def test_wrong_numbers_make_the_verdict_and_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    wrong = VerifyResult("a + b", "float32", 1.0, 1e-7, "error")
    monkeypatch.setattr(verify, "verify", lambda _device, _dtypes: [wrong])
    outcome = workload(*QUICK.split(), "--output", tmp_path)
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "WRONG NUMBERS  cpu" in outcome.stdout
    assert "wrong numbers in a + b float32" in outcome.stderr


@pytest.mark.usefixtures("_brief")
def test_an_unfit_machine_still_gets_its_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    failed = Finding("memory", State.FAIL, "10 MB are free", "nothing fits", "free some")
    monkeypatch.setattr(doctor, "run_all", lambda _: (failed,))
    outcome = workload(*QUICK.split(), "--output", tmp_path)
    assert outcome.code == ExitCode.UNFIT
    assert "10 MB are free: nothing fits: free some" in outcome.stderr
    assert "UNFIT  cpu" in outcome.stdout


@pytest.mark.usefixtures("_brief")
def test_other_programs_are_told_right_above_the_best_rates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    swept = "with_best_threads"
    monkeypatch.setattr(run, swept, lambda device, *_: replace(device, swept_contended=True))
    lines = workload(*QUICK.split(), "--output", tmp_path).stdout.splitlines()
    best = next(number for number, line in enumerate(lines) if line.startswith("best "))
    assert lines[best - 2].startswith("warning    other programs ran (")


def test_wrong_numbers_outweigh_an_unfit_environment() -> None:
    codes = [ExitCode.OK, ExitCode.UNFIT, ExitCode.WRONG_NUMBERS]
    assert worst_code(codes) is ExitCode.WRONG_NUMBERS


def test_a_gpu_is_compared_with_the_cpu_beside_it(
    monkeypatch: pytest.MonkeyPatch,
    cpu: DeviceInfo,
    tmp_path: Path,
    workload: Callable[..., Outcome],
) -> None:
    """The CPU stands in for the GPU: this tests the job, not the speed."""
    pretended = replace(cpu, kind="cuda", name="Pretended GPU", capability="9.0")
    monkeypatch.setattr(devices, "resolve", lambda text: cpu if text == "cpu" else pretended)
    monkeypatch.setattr(devices, "synchronize", lambda _device: None)
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 10**10)
    monkeypatch.setattr(timing, "make_timer", on_the_host_clock)
    monkeypatch.setattr(measure, "limiting_operations", lambda _device: [Launch()])
    monkeypatch.setattr(runner, "_transfer_sec", lambda *_: 1e-3)
    monkeypatch.setattr(timings, "INVALID_IQR", {})  # a CPU is noisier than any GPU
    monkeypatch.setattr(loop, "Laps", lambda _device: Laps(cpu))
    monkeypatch.setattr(doctor, "gather", lambda *_, **__: {})
    monkeypatch.setattr(doctor, "run_all", lambda _: (PASSED,))
    right = VerifyResult("a + b", "float32", 0.0, 1e-7, "error")
    monkeypatch.setattr(verify, "verify", lambda _device, _dtypes: [right])
    monkeypatch.setattr(run, "TRAIN_PRESETS", ("book",))
    monkeypatch.setattr(run, "MIN_MATMUL_SEC", 2.0)
    products = [MatMul(Shape(256, 256, 256), dtype) for dtype in ("float32", "bfloat16")]
    monkeypatch.setattr(run, "COMMON", products)
    line = "run --device cuda --budget 2 --sizes 256 --dtypes float32 --json --output"
    outcome = workload(*line.split(), tmp_path)
    assert outcome.code == ExitCode.OK, outcome.stderr
    host_cpu = json.loads(outcome.stdout)["host_cpu"]
    assert host_cpu["device"]["kind"] == "cpu"
    assert {case["dtype"] for case in host_cpu["cases"]} == {"float32", "bfloat16"}
    assert "matmul 256 float32" in outcome.stderr
    assert "speed-up" in outcome.stderr
    assert "train book eager" in outcome.stderr


def test_what_a_gpu_is_compared_by_is_among_its_default_products(
    cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "available_bytes", lambda _device: 10**11)
    gpu = replace(cpu, kind="cuda", capability="9.0", memory_bytes=10**11)
    options = parse(["run"])
    assert isinstance(options, RunOptions)
    assert {*run.COMMON} <= {*requested_matmuls(options, gpu)}


def on_the_host_clock(method: str, operation: Call, device: DeviceInfo) -> Timer:
    """Time with the host's clock, but report CUDA events."""
    watch = make_timer(HOST_CLOCK, operation, device)
    watch.method = method
    return watch


PASSED = Finding("gpu-kernel", State.PASS, "a product came out right")
