"""Time a callable: warm up, and measure the raw seconds of one call.

1. Warm up until batches are equally fast, because a cold library is slow and a cool GPU is fast.
2. Take samples, each a batch of calls long enough that the cost of reading the clock is negligible.
3. Stop when the median is known well enough or the budget is spent.

Not covered:

- variation between processes: the samples of one process cannot show it, but `compare` accepts
  the records of several processes as its baseline and as its candidate;
- energy: its counter is too slow for such short windows.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from workload.bench.timers import Call, Timer, flushed, make_timer
from workload.core.methods import COLD, CUDA_EVENTS, CUDA_GRAPH, HOST_CLOCK, WARM
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Timing
from workload.core.statistics import median, median_interval
from workload.hardware.waits import Watch

# A sample is a batch of calls at least this long, so that the clock's own cost (tens of
# nanoseconds on a CPU, about 5 µs for a pair of CUDA events) stays under one percent.
MIN_SAMPLE_SEC = 1e-3
MIN_SAMPLES = 3
MAX_SAMPLES = 200
# Stop when the median is known to ±0.5 %, from at least this many samples over this window.
ENOUGH_SAMPLES = 20
ENOUGH_HALF_WIDTH = 0.005
MIN_WINDOW_SEC = 0.25
WARM_UP_SHARE = 0.2  # of the budget, but at most MAX_WARM_UP_SEC
MAX_WARM_UP_SEC = 2.0
# A GPU needs time to raise its clocks.
MIN_WARM_UP_SEC = {"cpu": 0.02, "cuda": 0.3}
# Times are steady if this many batches in a row differ by at most this share.
STEADY_BATCHES = 4
STEADY_SPREAD = 0.05
# A shorter CUDA operation is timed by replaying a graph: a launch by the host takes 4 µs or more,
# which may be most of the time.
GRAPH_BELOW_SEC = 50e-6
OVERHEAD_BATCHES = 5
MAX_OVERHEAD_CALLS = 10_000


@dataclass(frozen=True)
class TimingConfig:
    """How to time an operation. A sample takes about `sample_sec` and has at least one call.

    Without a `method`, a GPU operation is timed by CUDA events or, if launches would dominate, by
    replaying a CUDA graph. A CPU operation is always timed by the host clock.
    """

    method: str | None = None
    cache: str = WARM
    sample_sec: float = MIN_SAMPLE_SEC


BY_DEVICE = TimingConfig()


def measure(
    operation: Call, device: DeviceInfo, budget_sec: float, config: TimingConfig = BY_DEVICE
) -> Timing:
    """Warm up `operation`, then time it until its median is known or the budget is spent.

    At least MIN_SAMPLES samples are taken, even beyond the budget. The caller decides beforehand
    whether the budget is large enough for these.
    """
    started = time.perf_counter()
    return measure_with(_chosen(operation, device, config), device, budget_sec, config, started)


def measure_with(
    timer: Timer,
    device: DeviceInfo,
    budget_sec: float,
    config: TimingConfig,
    started: float | None = None,
) -> Timing:
    """Warm up and time with this timer. The budget starts at `started`, by default now."""
    started = time.perf_counter() if started is None else started
    share_sec = min(budget_sec * WARM_UP_SHARE, MAX_WARM_UP_SEC)
    at_least_sec = min(MIN_WARM_UP_SEC[device.kind], share_sec)
    call_sec, steady = until_steady(
        timer.batch, lambda sec: _calls_per_sample(sec, config), at_least_sec, share_sec
    )
    warm_up_sec = time.perf_counter() - started
    calls = timer.rounded(_calls_per_sample(call_sec, config))
    timer.forget_readings()
    watch = Watch()
    samples = _sample(timer, calls, started + budget_sec)
    waits = watch.waits()
    return Timing(
        method=timer.method,
        cache=config.cache,
        calls_per_sample=calls,
        samples_sec=samples,
        warm_up_sec=warm_up_sec,
        steady=steady,
        overhead_sec=_overhead_sec(device, timer.method, calls),
        telemetry=timer.telemetry(),
        waits=waits,
    )


def _chosen(operation: Call, device: DeviceInfo, config: TimingConfig) -> Timer:
    """Choose the timer by the device, `config` and a rough estimate of the operation's time."""
    if device.kind == "cpu":
        method = HOST_CLOCK
    elif config.method or config.cache == COLD:
        method = config.method or CUDA_EVENTS
    else:
        rough = make_timer(CUDA_EVENTS, operation, device)
        # A first call that loads libraries may be long, so a second call decides. Ten more calls
        # are made only if a call is short.
        short = rough.batch(1) < MIN_SAMPLE_SEC or rough.batch(1) < MIN_SAMPLE_SEC
        method = CUDA_GRAPH if short and rough.batch(10) < GRAPH_BELOW_SEC else CUDA_EVENTS
    timer = make_timer(method, operation, device)
    return flushed(timer, device) if config.cache == COLD else timer


def _calls_per_sample(call_sec: float, config: TimingConfig) -> int:
    """Return the number of calls in a sample: one if each call needs a flush before it."""
    return 1 if config.cache == COLD else max(1, round(config.sample_sec / max(call_sec, 1e-9)))


def until_steady(
    batch: Callable[[int], float],
    calls_of: Callable[[float], int],
    at_least_sec: float,
    at_most_sec: float,
) -> tuple[float, bool]:
    """Call `batch` at least once, until batches are equally fast or the time is up.

    `batch(n)` makes n calls and returns the seconds per call; `calls_of(sec)` returns the number of
    calls in a batch if a call takes `sec`. Returns the seconds per call, and whether batches became
    equally fast.
    """
    started = time.perf_counter()
    batches = [batch(1)]
    while (spent_sec := time.perf_counter() - started) + batches[-1] < at_most_sec:
        if spent_sec >= at_least_sec and _is_steady(batches):
            return batches[-1], True
        batches.append(batch(calls_of(batches[-1])))
    return batches[-1], _is_steady(batches)


def _is_steady(batches: list[float]) -> bool:
    last = batches[-STEADY_BATCHES:]
    return len(last) == STEADY_BATCHES and max(last) <= (1 + STEADY_SPREAD) * min(last)


def _sample(timer: Timer, calls: int, deadline: float) -> tuple[float, ...]:
    started = time.perf_counter()
    samples: list[float] = []
    while len(samples) < MAX_SAMPLES:
        now = time.perf_counter()
        next_sec = samples[-1] * calls if samples else 0.0
        if len(samples) >= MIN_SAMPLES and now + next_sec > deadline:
            break
        if now - started >= MIN_WINDOW_SEC and _is_enough(samples):
            break
        samples.append(timer.batch(calls))
    return tuple(samples)


def _is_enough(samples: list[float]) -> bool:
    interval = median_interval(samples) if len(samples) >= ENOUGH_SAMPLES else None
    if interval is None:
        return False
    low, high = interval
    return high - low <= 2 * ENOUGH_HALF_WIDTH * low


def _overhead_sec(device: DeviceInfo, method: str, calls: int) -> float:
    """Measure with empty calls how much time the timer adds to each of `calls` calls in a batch.

    A CUDA graph is replayed without a launch per call. Only the pair of events around a batch adds
    time, and it is divided among the calls of the batch.
    """
    graph = method == CUDA_GRAPH
    nothing = make_timer(CUDA_EVENTS if graph else method, _do_nothing, device)
    empty_calls = 1 if graph else min(calls, MAX_OVERHEAD_CALLS)
    batches = [nothing.batch(empty_calls) for _ in range(OVERHEAD_BATCHES)]
    return (median(batches) or 0.0) / (calls if graph else 1)


def _do_nothing() -> None:
    pass
