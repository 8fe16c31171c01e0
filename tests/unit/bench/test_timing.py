"""Timing: warm until steady, enough samples by the device's own clock, and their warnings."""

import time
from collections.abc import Callable

import pytest
import torch
from msgspec.structs import replace

from workload.bench import timers, timing
from workload.bench.timers import Call
from workload.bench.timing import TimingConfig, measure
from workload.core.methods import COLD, CUDA_EVENTS, CUDA_GRAPH, HOST_CLOCK
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Telemetry, Timing
from workload.hardware import devices
from workload.hardware.sensors import Reading


class FakeTimer:
    """A timer whose batches take the given times, on a simulated clock."""

    method = HOST_CLOCK

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.now_sec = 0.0
        self.batches: list[int] = []
        self._seconds = seconds

    def batch(self, calls: int) -> float:
        call_sec = self._seconds(len(self.batches))
        self.batches.append(calls)
        self.now_sec += calls * call_sec
        return call_sec

    def rounded(self, calls: int) -> int:
        return calls

    def forget_readings(self) -> None:
        self.warm_ups = len(self.batches)

    def telemetry(self) -> Telemetry | None:
        return None


@pytest.fixture
def timed(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> Callable[..., tuple[FakeTimer, Timing]]:
    """`timed(seconds, budget)`: a measurement on a fake clock; batch i takes seconds(i) a call."""

    def call(
        seconds: Callable[[int], float],
        budget_sec: float,
        timing_config: TimingConfig = timing.BY_DEVICE,
    ) -> tuple[FakeTimer, timing.Timing]:
        watch = FakeTimer(seconds)
        monkeypatch.setattr(timing, "make_timer", lambda *_: watch)
        monkeypatch.setattr(timing, "flushed", lambda watch, _device: watch)
        monkeypatch.setattr(timing, "_overhead_sec", lambda *_: 0.0)
        monkeypatch.setattr(time, "perf_counter", lambda: watch.now_sec)
        try:
            return watch, measure(lambda: None, cpu, budget_sec, timing_config)
        finally:
            monkeypatch.undo()

    return call


def steady(call_sec: float) -> Callable[[int], float]:
    return lambda _batch: call_sec


Timed = Callable[..., tuple[FakeTimer, Timing]]


def test_at_least_three_samples_are_taken_whatever_the_budget(timed: Timed) -> None:
    _, taken = timed(steady(0.01), 1e-9)
    assert len(taken.samples_sec) == timing.MIN_SAMPLES


def test_no_more_samples_are_taken_than_are_of_use(timed: Timed) -> None:
    noise = iter([1e-3, 2e-3] * 10_000)
    _, taken = timed(lambda _batch: next(noise), 60)
    assert len(taken.samples_sec) == timing.MAX_SAMPLES


def test_sampling_stops_when_the_median_is_known(timed: Timed) -> None:
    watch, taken = timed(steady(0.02), 60)
    assert len(taken.samples_sec) == timing.ENOUGH_SAMPLES
    assert watch.now_sec < 10


def test_a_noisy_operation_is_sampled_longer_than_a_steady_one(timed: Timed) -> None:
    noise = iter([0.02, 0.03] * 10_000)
    _, noisy = timed(lambda _batch: next(noise), 60)
    _, calm = timed(steady(0.02), 60)
    assert len(noisy.samples_sec) > len(calm.samples_sec)


def test_the_budget_ends_sampling(timed: Timed) -> None:
    watch, _ = timed(lambda batch: 1.0 + batch % 2, 10)
    assert watch.now_sec <= 10


def test_short_operations_are_timed_in_batches(timed: Timed) -> None:
    watch, taken = timed(steady(1e-6), 1)
    assert taken.calls_per_sample == watch.batches[-1] == round(timing.MIN_SAMPLE_SEC / 1e-6)
    assert taken.median_sec == pytest.approx(1e-6)


def test_the_warm_up_goes_on_until_batches_are_equally_fast(timed: Timed) -> None:
    cold = 10
    watch, taken = timed(lambda batch: 0.01 + 0.001 * max(0, cold - batch), 60)
    assert watch.warm_ups == cold + timing.STEADY_BATCHES
    assert taken.steady
    assert set(taken.samples_sec) == {0.01}


def test_a_warm_up_that_never_becomes_steady_is_told(timed: Timed) -> None:
    slowing = iter(0.001 * 1.2**batch for batch in range(10_000))
    _, taken = timed(lambda _batch: next(slowing), 1)
    assert not taken.steady


def test_cold_calls_are_timed_one_by_one(timed: Timed) -> None:
    watch, taken = timed(steady(1e-6), 0.01, TimingConfig(cache=COLD))
    assert (taken.calls_per_sample, taken.cache, {*watch.batches}) == (1, COLD, {1})


@pytest.mark.clock
def test_what_timing_itself_takes_is_told(cpu: DeviceInfo) -> None:
    taken = measure(lambda: None, cpu, 0.05)
    assert 0 < taken.overhead_sec < 1e-3


@pytest.mark.clock
def test_a_real_operation_is_timed_by_the_host_clock_on_a_cpu(cpu: DeviceInfo) -> None:
    taken = measure(lambda: time.sleep(0.002), cpu, 0.1)
    assert taken.method == HOST_CLOCK
    assert min(taken.samples_sec) >= 0.002


def test_a_flush_writes_twice_the_cache_before_each_call(cpu: DeviceInfo) -> None:
    device = replace(cpu, cache_bytes=1 << 20)
    calls: list[int] = []
    watch = timers.make_timer(HOST_CLOCK, lambda: calls.append(1), device)
    cold = timers.flushed(watch, device)
    cold._buffer.fill_(1)  # type: ignore[attr-defined]  # what the flush must overwrite
    cold.batch(3)
    assert len(calls) == 3
    assert cold._buffer.numel() == 2 << 20  # type: ignore[attr-defined]  # as above
    assert not cold._buffer.any()  # type: ignore[attr-defined]  # as above


class FakeCuda:
    """A device whose clock goes on with each call, by `call_ms`; graphs run what they captured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call_ms: float) -> None:
        self.now_ms = 0.0
        self.call_ms = call_ms
        self.captured: list[Call] | None = None
        self.replays = 0
        fake = self

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing

            def record(self) -> None:
                self.at_ms = fake.now_ms

            def synchronize(self) -> None: ...

            def elapsed_time(self, later: "Event") -> float:
                return later.at_ms - self.at_ms

        class Graph:
            calls = 0

            def replay(self) -> None:
                fake.replays += 1
                fake.now_ms += self.calls * fake.call_ms

        class Nothing:
            def __init__(self, *_: object, **__: object) -> None: ...
            def __enter__(self) -> None: ...
            def __exit__(self, *_: object) -> None: ...
            def wait_stream(self, _other: object) -> None: ...

        class Capture(Nothing):
            def __init__(self, graph: Graph) -> None:
                self.graph = graph

            def __enter__(self) -> None:
                self.before = fake.operations

            def __exit__(self, *_: object) -> None:
                self.graph.calls = fake.operations - self.before

        self.operations = 0
        for name, value in {
            "Event": Event,
            "CUDAGraph": Graph,
            "graph": Capture,
            "device": Nothing,
            "Stream": Nothing,
            "stream": Nothing,
            "current_stream": Nothing,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)

    def operation(self) -> None:
        self.operations += 1
        self.now_ms += self.call_ms


@pytest.fixture
def cuda(cpu: DeviceInfo) -> DeviceInfo:
    """Return a device that claims to be a GPU."""
    return replace(cpu, kind="cuda", torch_name="cuda:0")


@pytest.fixture
def no_sensor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "sensor", lambda _device: None)


@pytest.mark.usefixtures("no_sensor")
def test_cuda_is_timed_by_its_own_events(monkeypatch: pytest.MonkeyPatch, cuda: DeviceInfo) -> None:
    fake = FakeCuda(monkeypatch, call_ms=2.0)
    taken = measure(fake.operation, cuda, 0.01)
    assert taken.method == CUDA_EVENTS
    assert taken.samples_sec == pytest.approx((2e-3,) * len(taken.samples_sec))


@pytest.mark.usefixtures("no_sensor")
def test_short_cuda_operations_are_timed_by_replaying_a_graph(
    monkeypatch: pytest.MonkeyPatch, cuda: DeviceInfo
) -> None:
    fake = FakeCuda(monkeypatch, call_ms=0.005)
    taken = measure(fake.operation, cuda, 0.01)
    assert taken.method == CUDA_GRAPH
    assert taken.samples_sec == pytest.approx((5e-6,) * len(taken.samples_sec))
    assert fake.replays
    assert taken.calls_per_sample == 2 * timers.GRAPH_CALLS  # 1 ms are 200 calls of 5 µs


@pytest.mark.usefixtures("no_sensor")
def test_a_graph_always_replays_whole_graphs(
    monkeypatch: pytest.MonkeyPatch, cuda: DeviceInfo
) -> None:
    fake = FakeCuda(monkeypatch, call_ms=0.04)
    taken = measure(fake.operation, cuda, 0.01)
    assert taken.method == CUDA_GRAPH
    assert taken.calls_per_sample == timers.GRAPH_CALLS


@pytest.mark.usefixtures("no_sensor")
def test_a_launch_is_never_hidden_in_a_graph(
    monkeypatch: pytest.MonkeyPatch, cuda: DeviceInfo
) -> None:
    fake = FakeCuda(monkeypatch, call_ms=0.005)
    assert measure(fake.operation, cuda, 0.01, TimingConfig(CUDA_EVENTS)).method == CUDA_EVENTS


class FakeSensor:
    """A GPU that is hot and shared."""

    def read(self) -> Reading:
        return Reading(1200.0, 690.0, 91.0, reasons=0x40 | 0x04, processes=2)

    def slowed_sec(self) -> dict[str, float]:
        return {}


def test_a_throttled_and_shared_gpu_is_told_from_inside_the_window(
    monkeypatch: pytest.MonkeyPatch, cuda: DeviceInfo
) -> None:
    monkeypatch.setattr(devices, "sensor", lambda _device: FakeSensor())
    fake = FakeCuda(monkeypatch, call_ms=2.0)
    told = measure(fake.operation, cuda, 0.2).telemetry
    assert told is not None
    assert told.throttled == ("hardware thermal slowdown",)
    assert (told.power_capped, told.other_processes) == (True, 1)
    assert {*told.sm_clock_mhz} == {1200.0}
