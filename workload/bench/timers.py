"""Timers, which measure the seconds of one call in a batch of calls.

- host clock: on a CPU a call returns when its work is done;
- CUDA events: recorded on the device's stream before and after the batch, so that the host
  waits once per batch (a wait takes 10 to 40 µs);
- CUDA graph: the calls are captured once and replayed, so that the host does not launch each call.
"""

import itertools
import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

from workload.core.methods import CUDA_EVENTS, CUDA_GRAPH, HOST_CLOCK
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Telemetry
from workload.hardware import devices, sensors
from workload.hardware.watchdog import watchdog

Call = Callable[[], object]

GRAPH_CALLS = 100  # per graph; they share the gap of 1 or 2 µs between two replays
CAPTURE_WARM_UPS = 3  # libraries choose kernels and allocate workspaces in the first calls
READING_SEC = 0.05  # between two readings of the GPU's sensors
# Used if the system does not report the size of its last-level cache; few CPUs or GPUs have more.
DEFAULT_CACHE_BYTES = 512 << 20


class Timer(Protocol):
    """A timer that calls one operation in batches. By default, it reads no sensors."""

    method: str

    def rounded(self, calls: int) -> int:
        """Return how many calls a batch makes if `calls` are requested."""
        return calls

    def batch(self, calls: int) -> float:
        """Call the operation `calls` times, and return the mean seconds of one call."""

    def forget_readings(self) -> None:
        """Start the timed window: drop the sensor readings so far."""

    def telemetry(self) -> Telemetry | None:
        """Return the sensor readings of the timed window; None without a sensor."""
        return None


def make_timer(method: str, operation: Call, device: DeviceInfo) -> Timer:
    """Return a timer of `operation` that uses this method."""
    if method == HOST_CLOCK:
        return _HostClock(operation)
    timer = _CudaGraph if method == CUDA_GRAPH else _CudaEvents
    return timer(operation, device)


def flushed(timer: Timer, device: DeviceInfo) -> Timer:
    """Return a timer that flushes the caches before each call, and times each call separately."""
    return _Flushed(timer, device)


def waited_sec(call: Call, device: DeviceInfo) -> float:
    """Return the seconds from the start of a call on an idle device to the end of its work."""
    devices.synchronize(device)
    started = time.perf_counter()
    call()
    devices.synchronize(device)
    return time.perf_counter() - started


class Laps:
    """The times of parts of a computation, measured without waiting for the device in between."""

    def __init__(self, device: DeviceInfo) -> None:
        """Start the first lap."""
        self._device = device
        self._marks: list[Any] = []  # seconds on a CPU, else events
        self.mark()

    def mark(self) -> None:
        """End a lap and start the next."""
        if self._device.kind == "cpu":
            self._marks.append(time.perf_counter())
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device.torch_name))
        self._marks.append(event)

    def seconds(self) -> list[float]:
        """Wait until the last lap has ended, and return the seconds of each lap."""
        devices.synchronize(self._device)
        pairs = itertools.pairwise(self._marks)
        if self._device.kind == "cpu":
            return [end - start for start, end in pairs]
        return [start.elapsed_time(end) / 1e3 for start, end in pairs]


class _HostClock(Timer):
    method = HOST_CLOCK

    def __init__(self, operation: Call) -> None:
        self._operation = operation

    def batch(self, calls: int) -> float:
        operation = self._operation
        started = time.perf_counter()
        for _ in range(calls):
            operation()
        return (time.perf_counter() - started) / calls

    def forget_readings(self) -> None:
        """Do nothing: this timer has no readings."""


class _CudaEvents(Timer):
    method = CUDA_EVENTS

    def __init__(self, operation: Call, device: DeviceInfo) -> None:
        self._operation = operation
        self._device = device
        self._sensor = devices.sensor(device)
        self._readings: list[tuple[float, sensors.Reading]] = []
        self._window = time.perf_counter()
        self._slowed_sec: dict[str, float] = {}

    def batch(self, calls: int) -> float:
        return self._between_events(self._operation, calls) / calls

    def _between_events(self, operation: Call, calls: int) -> float:
        """Return the seconds on the device's stream from the first call to the end of the last."""
        with torch.cuda.device(self._device.torch_name):
            first = torch.cuda.Event(enable_timing=True)
            last = torch.cuda.Event(enable_timing=True)
            first.record()
            for _ in range(calls):
                operation()
            last.record()
            self._read()
            last.synchronize()
            watchdog.answered()
        return float(first.elapsed_time(last)) / 1e3

    def _read(self) -> None:
        """Read the GPU's sensors while it works on the batch and the host would only wait."""
        now = time.perf_counter() - self._window
        if self._sensor and (not self._readings or now - self._readings[-1][0] >= READING_SEC):
            self._readings.append((now, self._sensor.read()))

    def forget_readings(self) -> None:
        self._readings.clear()
        self._slowed_sec = self._sensor.slowed_sec() if self._sensor else {}
        self._window = time.perf_counter()

    def telemetry(self) -> Telemetry | None:
        window_sec = time.perf_counter() - self._window
        now = self._sensor.slowed_sec() if self._sensor else {}
        slowed = sensors.slowed_between(self._slowed_sec, now, window_sec)
        return sensors.summarize(self._readings, slowed, window_sec)


class _CudaGraph(_CudaEvents):
    method = CUDA_GRAPH

    def __init__(self, operation: Call, device: DeviceInfo) -> None:
        super().__init__(operation, device)
        self._graph = _captured(operation, device)

    def rounded(self, calls: int) -> int:
        """Round up to a multiple of GRAPH_CALLS."""
        return -(-calls // GRAPH_CALLS) * GRAPH_CALLS

    def batch(self, calls: int) -> float:
        calls = self.rounded(calls)
        return self._between_events(self._graph.replay, calls // GRAPH_CALLS) / calls


def _captured(operation: Call, device: DeviceInfo) -> torch.cuda.CUDAGraph:
    """Capture GRAPH_CALLS calls in a graph, after warm-up calls on a side stream."""
    with torch.cuda.device(device.torch_name):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(CAPTURE_WARM_UPS):
                operation()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(GRAPH_CALLS):
                operation()
    return graph


class _Flushed:
    def __init__(self, timer: Timer, device: DeviceInfo) -> None:
        self.method = timer.method
        self.forget_readings, self.telemetry = timer.forget_readings, timer.telemetry
        self.rounded = timer.rounded
        self._timer = timer
        self._device = device
        elements = 2 * (device.cache_bytes or DEFAULT_CACHE_BYTES)
        self._buffer = torch.empty(elements, dtype=torch.int8, device=device.torch_name)

    def batch(self, calls: int) -> float:
        """Return the mean over `calls` calls, each after a flush."""
        total = 0.0
        for _ in range(calls):
            self._buffer.zero_()
            devices.synchronize(self._device)
            total += self._timer.batch(1)
        return total / calls
