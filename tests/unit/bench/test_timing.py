"""Timing: warm until steady, enough samples by the device's own clock, and their warnings."""

import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from workload.bench import timers, timing
from workload.bench.timing import TimingConfig, measure
from workload.core.methods import COLD, HOST_CLOCK
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Telemetry, Timing


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
