"""CUDA is timed by its own events, and its GPU is watched meanwhile."""

import pytest
import torch
from msgspec.structs import replace

from workload.bench import timers
from workload.bench.timers import Call
from workload.bench.timing import TimingConfig, measure
from workload.core.methods import CUDA_EVENTS, CUDA_GRAPH
from workload.core.models.device import DeviceInfo
from workload.hardware import devices
from workload.hardware.sensors import Reading


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
