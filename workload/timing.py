"""One protocol: a callable in, raw seconds a call out."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from workload.results import DeviceInfo

# A sample is a batch of calls at least this long, so that the clock's own cost (tens of
# nanoseconds on a CPU, about 5 µs for a pair of CUDA events) stays under one percent.
MIN_SAMPLE_SEC = 1e-3
MIN_SAMPLES = 3
MAX_SAMPLES = 100
WARM_UP_SHARE = 0.2  # of the budget, and at most
MAX_WARM_UP_SEC = 1.0


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, a sample a batch, and how they were measured."""

    samples_sec: tuple[float, ...]
    timer: str


def measure(operation: Callable[[], object], device: DeviceInfo, budget_sec: float) -> Timing:
    """Warm `operation` up, then time it until the budget is spent or the samples suffice.

    At least MIN_SAMPLES samples are taken, whatever the budget says: the caller decides
    beforehand whether they fit.
    """
    time_batch = _cuda_events if device.kind == "cuda" else _host_clock
    started = time.perf_counter()
    warm_up_sec = min(budget_sec * WARM_UP_SHARE, MAX_WARM_UP_SEC)
    call_sec = _warm_up(operation, device, time_batch, started + warm_up_sec)
    calls = max(1, round(MIN_SAMPLE_SEC / max(call_sec, 1e-9)))
    samples: list[float] = []
    while len(samples) < MIN_SAMPLES or (
        len(samples) < MAX_SAMPLES and time.perf_counter() - started + calls * call_sec < budget_sec
    ):
        samples.append(time_batch(operation, calls, device))
    timer = "CUDA events" if device.kind == "cuda" else "host clock"
    return Timing(tuple(samples), timer)


def _warm_up(
    operation: Callable[[], object],
    device: DeviceInfo,
    time_batch: Callable[[Callable[[], object], int, DeviceInfo], float],
    until: float,
) -> float:
    """Call until the deadline, at least once; the last batch's seconds a call."""
    call_sec = time_batch(operation, 1, device)
    while time.perf_counter() + call_sec < until:
        calls = max(1, round(MIN_SAMPLE_SEC / max(call_sec, 1e-9)))
        call_sec = time_batch(operation, calls, device)
    return call_sec


def _host_clock(operation: Callable[[], object], calls: int, _device: DeviceInfo) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        operation()
    return (time.perf_counter() - started) / calls


def _cuda_events(operation: Callable[[], object], calls: int, device: DeviceInfo) -> float:
    """Seconds a call between two events on the device's stream.

    The host only waits once a batch: a wait per call would cost 10 to 40 µs each.
    """
    with torch.cuda.device(device.torch_name):
        first = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's gap
        last = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's gap
        first.record()
        for _ in range(calls):
            operation()
        last.record()
        last.synchronize()
    return float(first.elapsed_time(last)) / 1e3 / calls
