"""Raw seconds a call: enough of them, in batches long enough, by the device's own clock."""

import time
from dataclasses import replace

import pytest
import torch

from workload import timing
from workload.results import DeviceInfo
from workload.timing import measure


def test_at_least_three_samples_are_taken_whatever_the_budget(cpu: DeviceInfo) -> None:
    assert len(measure(lambda: time.sleep(0.01), cpu, 1e-9).samples_sec) == timing.MIN_SAMPLES


def test_no_more_samples_are_taken_than_are_of_use(cpu: DeviceInfo) -> None:
    assert len(measure(lambda: None, cpu, 5.0).samples_sec) == timing.MAX_SAMPLES


def test_a_sample_is_the_time_of_one_call_not_of_its_batch(cpu: DeviceInfo) -> None:
    calls: list[int] = []
    samples = measure(lambda: calls.append(1), cpu, 0.1).samples_sec
    assert len(calls) > 100 * len(samples)
    assert max(samples) < timing.MIN_SAMPLE_SEC


def test_the_operation_is_warmed_up_before_it_is_timed(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    batches: list[int] = []

    def note(_operation: object, calls: int, _device: DeviceInfo) -> float:
        batches.append(calls)
        return 1.0

    monkeypatch.setattr(timing, "_host_clock", note)
    taken = measure(lambda: None, cpu, 1e-9)
    assert len(batches) == len(taken.samples_sec) + 1


class EventStub:
    """A CUDA event on a device whose every call takes 2 ms."""

    now_ms = 0.0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.at_ms = 0.0

    def record(self) -> None:
        self.at_ms = EventStub.now_ms

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, later: "EventStub") -> float:
        return later.at_ms - self.at_ms


class NoDevice:
    def __init__(self, _name: str) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_cuda_is_timed_by_its_own_events(monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo) -> None:
    monkeypatch.setattr(torch.cuda, "Event", EventStub)
    monkeypatch.setattr(torch.cuda, "device", NoDevice)

    def two_ms() -> None:
        EventStub.now_ms += 2.0

    taken = measure(two_ms, replace(cpu, kind="cuda", torch_name="cuda:0"), 0.01)
    assert taken.timer == "CUDA events"
    assert taken.samples_sec == pytest.approx((2e-3,) * len(taken.samples_sec))
