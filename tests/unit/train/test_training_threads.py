"""The threads of a training: the sizes decide, or --threads; `run` takes the fastest."""

import json
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from support.outcome import Outcome

from workload.cli.commands import train as train_command
from workload.cli.steps import train as train_step
from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import PRESETS
from workload.hardware import devices
from workload.train import threads
from workload.train.loop import train
from workload.train.modes.eager import EAGER
from workload.train.modes.mode import draw
from workload.train.warm_up import warm_up


@pytest.fixture
def two_cpus(monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo) -> DeviceInfo:
    """A CPU that may use two threads, whatever this machine has."""
    device = replace(cpu, threads=2, usable_cpus=2)
    monkeypatch.setattr(devices, "resolve", lambda _requested: device)
    return device


def test_the_sizes_decide_up_to_the_cpus() -> None:
    book, wide = PRESETS["book"], PRESETS["wide"]
    assert [book.threads(8), wide.threads(1), wide.threads(2), wide.threads(64)] == [1, 1, 2, 5]


@pytest.mark.usefixtures("two_cpus")
@pytest.mark.parametrize(("words", "count"), [("", 1), ("--threads 2", 2)])
def test_the_number_of_threads_is_in_the_record_and_shown(
    words: str, count: int, workload: Callable[..., Outcome]
) -> None:
    outcome = workload(*f"train --steps 20 --json {words}".split())
    record = json.loads(outcome.stdout)
    assert (record["train"][0]["threads"], record["device"]["threads"]) == (count, count)
    assert f" per step on {count} thread" in outcome.stderr


@pytest.mark.usefixtures("two_cpus")
def test_more_threads_than_cpus_are_bad_input(workload: Callable[..., Outcome]) -> None:
    outcome = workload("train", "--threads", "3")
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr == (
        "workload train: --threads 3: this process may use 2 CPUs; choose fewer threads\n"
    )


@pytest.mark.usefixtures("two_cpus")
def test_more_threads_than_openmp_runs_are_bad_input(
    workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    outcome = workload("train", "--threads", "2")
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr == (
        "workload train: --threads 2: with OMP_THREAD_LIMIT=1 OpenMP runs 1 thread; "
        "choose fewer threads\n"
    )


def test_threads_of_a_gpu_are_bad_input(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo, workload: Callable[..., Outcome]
) -> None:
    gpu = replace(cpu, kind="cuda", torch_name="cuda:0")
    monkeypatch.setattr(devices, "resolve", lambda _requested: gpu)
    outcome = workload("train", "--threads", "1")
    assert outcome.code == ExitCode.BAD_INPUT
    assert "--threads is for CPUs, but the device is cuda:0" in outcome.stderr


@pytest.mark.usefixtures("two_cpus")
def test_a_faster_number_of_threads_is_a_hint(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    monkeypatch.setattr(train_command, "faster_threads", threads.faster_threads)
    times = {1: (4e-4, False), 2: (2.5e-4, False)}
    monkeypatch.setattr(threads, "step_times", lambda *_: times)
    outcome = workload("train", "--steps", "20")
    words = "hint       a step takes 250 µs with 2 threads now, 400 µs with 1: use --threads 2"
    assert words in outcome.stdout


@pytest.mark.parametrize(("seconds", "found"), [(0.9, None), (0.5, (2, 0.5, 1.0))])
def test_a_little_faster_is_no_hint(
    seconds: float, found: object, monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    times = {1: (1.0, False), 2: (seconds, False)}
    monkeypatch.setattr(threads, "step_times", lambda *_: times)
    assert threads.faster_threads(PRESETS["book"], replace(cpu, threads=1), 2) == found


def test_a_run_trains_with_the_fastest_number_and_returns_to_its_own(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    set_to: list[int] = []

    def set_threads(device: DeviceInfo, count: int) -> DeviceInfo:
        set_to.append(count)
        return replace(device, threads=count)

    monkeypatch.setattr(devices, "set_threads", set_threads)
    monkeypatch.setattr(threads, "step_times", lambda *_: {1: (1.0, False), 2: (9.0, True)})
    device = replace(cpu, threads=2)
    (trained,) = train_step.train_presets(["book"], device, lambda _done: None)
    assert trained.threads == 1
    assert set_to[-1] == 2


def test_a_trial_leaves_the_number_of_threads(cpu: DeviceInfo) -> None:
    found = threads.step_times(PRESETS["book"], cpu, (1,))
    assert found[1][0] > 0
    assert devices.resolve("cpu").threads == cpu.threads


def test_a_training_is_warmed_up_and_leaves_its_weights(cpu: DeviceInfo) -> None:
    spec = PRESETS["book"]
    data = draw(spec)
    before = [tensor.clone() for tensor in data]
    seconds, _ = warm_up(EAGER.start(spec, cpu, data), cpu, spec.steps, 20)
    assert seconds > 0
    assert all(map(bool, [(now == then).all() for now, then in zip(data, before, strict=True)]))


class SlowLoop:
    """A loop whose every step takes a second, on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        monkeypatch.setattr("time.perf_counter", lambda: float(self.steps))

    def advance(self, count: int) -> None:
        self.steps += count


@pytest.mark.parametrize(("steps", "most", "steady"), [(1, 1, False), (500, 6, True)])
def test_long_steps_are_warmed_up_for_a_small_share_of_the_training(
    steps: int, most: int, steady: bool, monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    loop = SlowLoop(monkeypatch)
    assert warm_up(loop, cpu, steps, 20)[1] is steady  # type: ignore[arg-type]  # no losses
    assert loop.steps <= most


def test_a_training_says_how_it_was_warmed_up(cpu: DeviceInfo) -> None:
    result = train(PRESETS["book"], cpu)
    assert result.warm_up_sec > 0
