"""The one timing protocol: a callable in, raw seconds of one call out.

1. Warm up until batches are equally fast, because a cold library is slow and a cold card fast.
2. Take samples, each a batch of calls long enough that reading the clock does not count.
3. Stop when the median is known well enough, or the budget is spent.

What is not covered: drift between processes. One process's samples cannot show it; `compare`
takes several processes a side where it matters. Energy, since its counter ticks too slowly for
windows as short as these.
"""

import time
from dataclasses import dataclass

from workload.bench.timers import Call, Timer, flushed, make_timer
from workload.core.cases import COLD, CUDA_EVENTS, CUDA_GRAPH, HOST_CLOCK, WARM, Timing
from workload.core.results import DeviceInfo
from workload.core.statistics import median, median_interval

# A sample is a batch of calls at least this long, so that the clock's own cost (tens of
# nanoseconds on a CPU, about 5 µs for a pair of CUDA events) stays under one percent.
MIN_SAMPLE_SEC = 1e-3
MIN_SAMPLES = 3
MAX_SAMPLES = 200
# Enough: the median is known to ±0.5 %, from as many samples, over as long a window.
ENOUGH_SAMPLES = 20
ENOUGH_HALF_WIDTH = 0.005
MIN_WINDOW_SEC = 0.25
WARM_UP_SHARE = 0.2  # of the budget, and at most
MAX_WARM_UP_SEC = 2.0
# A card needs time to raise its clocks.
MIN_WARM_UP_SEC = {"cpu": 0.02, "cuda": 0.3}
# Steady: so many batches in a row that differ by no more than this.
STEADY_BATCHES = 4
STEADY_SPREAD = 0.05
# Below this a CUDA operation is timed by replaying a graph: a launch by the host takes 4 µs or
# more, and would be most of the time.
GRAPH_BELOW_SEC = 50e-6
OVERHEAD_BATCHES = 5
MAX_OVERHEAD_CALLS = 10_000


@dataclass(frozen=True)
class Protocol:
    """How to time. `method` None: CUDA events or, where launches would dominate, a graph."""

    method: str | None = None
    cache: str = WARM


BY_DEVICE = Protocol()


def measure(
    operation: Call, device: DeviceInfo, budget_sec: float, protocol: Protocol = BY_DEVICE
) -> Timing:
    """Warm `operation` up, then time it until its median is known or the budget is spent.

    At least MIN_SAMPLES samples are taken, whatever the budget says: the caller decides
    beforehand whether they fit.
    """
    started = time.perf_counter()
    watch = _chosen(operation, device, protocol)
    share_sec = min(budget_sec * WARM_UP_SHARE, MAX_WARM_UP_SEC)
    at_least_sec = min(MIN_WARM_UP_SEC[device.kind], share_sec)
    call_sec, steady = _warm_up(watch, protocol, at_least_sec, share_sec)
    warm_up_sec = time.perf_counter() - started
    calls = watch.rounded(_calls_per_sample(call_sec, protocol))
    watch.forget_readings()
    samples = _sample(watch, calls, started + budget_sec)
    return Timing(
        method=watch.method,
        cache=protocol.cache,
        calls_per_sample=calls,
        samples_sec=samples,
        warm_up_sec=warm_up_sec,
        steady=steady,
        overhead_sec=_overhead_sec(device, watch.method, calls),
        telemetry=watch.telemetry(),
    )


def _chosen(operation: Call, device: DeviceInfo, protocol: Protocol) -> Timer:
    """The timer that suits the device, the cache's state and a first, rough time."""
    if device.kind == "cpu":
        method = HOST_CLOCK
    elif protocol.method or protocol.cache == COLD:
        method = protocol.method or CUDA_EVENTS
    else:
        rough = make_timer(CUDA_EVENTS, operation, device)
        # The first call loads what it needs; only a short one is worth another ten.
        short = rough.batch(1) < MIN_SAMPLE_SEC or rough.batch(1) < MIN_SAMPLE_SEC
        method = CUDA_GRAPH if short and rough.batch(10) < GRAPH_BELOW_SEC else CUDA_EVENTS
    watch = make_timer(method, operation, device)
    return flushed(watch, device) if protocol.cache == COLD else watch


def _calls_per_sample(call_sec: float, protocol: Protocol) -> int:
    """One where each call needs a flush before it."""
    return 1 if protocol.cache == COLD else max(1, round(MIN_SAMPLE_SEC / max(call_sec, 1e-9)))


def _warm_up(
    watch: Timer, protocol: Protocol, at_least_sec: float, at_most_sec: float
) -> tuple[float, bool]:
    """Call, at least once, until batches are equally fast or the time is up.

    Seconds of one call, and whether they were.
    """
    started = time.perf_counter()
    batches = [watch.batch(1)]
    while (spent_sec := time.perf_counter() - started) + batches[-1] < at_most_sec:
        if spent_sec >= at_least_sec and _is_steady(batches):
            return batches[-1], True
        batches.append(watch.batch(_calls_per_sample(batches[-1], protocol)))
    return batches[-1], _is_steady(batches)


def _is_steady(batches: list[float]) -> bool:
    last = batches[-STEADY_BATCHES:]
    return len(last) == STEADY_BATCHES and max(last) <= (1 + STEADY_SPREAD) * min(last)


def _sample(watch: Timer, calls: int, deadline: float) -> tuple[float, ...]:
    started = time.perf_counter()
    samples: list[float] = []
    while len(samples) < MAX_SAMPLES:
        now = time.perf_counter()
        next_sec = samples[-1] * calls if samples else 0.0
        if len(samples) >= MIN_SAMPLES and now + next_sec > deadline:
            break
        if now - started >= MIN_WINDOW_SEC and _is_enough(samples):
            break
        samples.append(watch.batch(calls))
    return tuple(samples)


def _is_enough(samples: list[float]) -> bool:
    interval = median_interval(samples) if len(samples) >= ENOUGH_SAMPLES else None
    if interval is None:
        return False
    low, high = interval
    return high - low <= 2 * ENOUGH_HALF_WIDTH * low


def _overhead_sec(device: DeviceInfo, method: str, calls: int) -> float:
    """What timing `calls` calls in a batch adds to each: the same with a call that does nothing.

    A graph launches nothing; what is left is a pair of events, shared by the batch.
    """
    graph = method == CUDA_GRAPH
    nothing = make_timer(CUDA_EVENTS if graph else method, _do_nothing, device)
    empty_calls = 1 if graph else min(calls, MAX_OVERHEAD_CALLS)
    batches = [nothing.batch(empty_calls) for _ in range(OVERHEAD_BATCHES)]
    return (median(batches) or 0.0) / (calls if graph else 1)


def _do_nothing() -> None:
    pass
