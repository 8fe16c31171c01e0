"""How long one call took, and how reliable that time is."""

from typing import Annotated

from msgspec import field

from workload.core.methods import COLD, CUDA_EVENTS, CUDA_GRAPH, HOST_CLOCK, WARM
from workload.core.models.model import (
    Amount,
    Count,
    Model,
    Positive,
    Samples,
    Seconds,
    derive,
    one_of,
)
from workload.core.models.waits import Waits
from workload.core.statistics import interquartile_range, median, median_interval
from workload.core.units import format_seconds, plural

# A time is noisy if the interquartile range exceeds this share of the median, as in
# torch.utils.benchmark.
NOISY_IQR = 0.1
# Above this share, a time on a GPU is not valid: a GPU without other processes stays far below. The
# CPUs of a virtual machine are always shared, so for a time on a CPU, noise is only a warning.
INVALID_IQR = {CUDA_EVENTS: 0.1, CUDA_GRAPH: 0.1}
# A time has a warning if half the width of the median's interval exceeds this share of the median.
WIDE_INTERVAL = 0.05

# A time is not valid if the GPU was slowed down for more than this share of the window.
SLOWED_SHARE = 0.01

# A CPU is contended if threads waited for at least this share of the time, not counting the time by
# which samples exceed the median. One other process makes two threads wait for a quarter of the
# time. An idle machine stays below this share.
CONTENDED_SHARE = 0.1
BUSY_SHARE = 0.25  # from this share on, a CPU is contended even if only some samples were slow

Readings = tuple[Amount | None, ...]


class Telemetry(Model, frozen=True):
    """What the driver reported while a case was timed, one value per reading.

    `throttled` lists the reasons why the GPU was slowed down in any reading: thermal or hardware
    slowdown, or a power brake. `power_capped` is true if the GPU ran at its power limit, as a
    healthy GPU does under large matmuls. `other_processes` is the maximum of the readings.
    `slowed_sec` is how long each reason lasted within the `window_sec` seconds of the timing. It is
    read from the driver's counters, which, unlike the readings, have no gaps.
    """

    at_sec: Samples
    sm_clock_mhz: Readings
    power_watt: Readings
    temperature_celsius: Readings
    throttled: tuple[str, ...] = ()
    power_capped: bool = False
    other_processes: Count | None = None
    slowed_sec: dict[str, Seconds] = field(default_factory=dict)
    window_sec: Seconds | None = None

    @property
    def slowdowns(self) -> tuple[str, ...]:
        """The reasons that lasted more than SLOWED_SHARE of the window, with their seconds."""
        window_sec = self.window_sec or 0.0
        return tuple(
            f"{reason} for {format_seconds(sec)} of {format_seconds(window_sec)}"
            for reason, sec in self.slowed_sec.items()
            if window_sec and sec > SLOWED_SHARE * window_sec
        )


class Timing(Model, frozen=True):
    """The time of one call in seconds, one sample per batch, and how it was measured.

    `steady` is true if the warm-up ended because batches had become equally fast, and false if the
    warm-up used up its share of the budget. `overhead_sec` is what the timer adds to a call,
    measured with a call that does nothing; it is not subtracted. `waits` is what kept threads from
    running.
    """

    method: Annotated[str, one_of(HOST_CLOCK, CUDA_EVENTS, CUDA_GRAPH)]
    cache: Annotated[str, one_of(WARM, COLD)]
    calls_per_sample: Positive
    samples_sec: Samples
    warm_up_sec: Seconds
    steady: bool
    overhead_sec: Seconds
    telemetry: Telemetry | None = None
    waits: Waits | None = None
    # Derived, of one call.
    median_sec: Amount | None = None
    iqr_sec: Amount | None = None
    interval_sec: tuple[float, float] | None = None  # 95 % interval of the median in this process
    contended: str | None = None  # why the CPU was contended; None if it was not
    warning: str | None = None  # why the median is less reliable than its digits suggest

    def __post_init__(self) -> None:
        """Derive the statistics, then the warning from them."""
        derive(
            self,
            median_sec=median(self.samples_sec),
            iqr_sec=interquartile_range(self.samples_sec),
            interval_sec=median_interval(self.samples_sec),
        )
        derive(self, contended=self._contended())
        derive(self, warning=self.contended or self._warning())

    @property
    def spread(self) -> float | None:
        """The interquartile range as a share of the median."""
        middle, width = self.median_sec, self.iqr_sec
        return width / middle if middle and width is not None else None

    @property
    def half_width(self) -> float | None:
        """Half the width of the median's interval, as a share of the median."""
        interval, middle = self.interval_sec, self.median_sec
        return (interval[1] - interval[0]) / 2 / middle if interval and middle else None

    @property
    def noisy(self) -> bool:
        """Whether the spread of the samples exceeds NOISY_IQR."""
        return self.spread is not None and self.spread > NOISY_IQR

    def _contended(self) -> str | None:
        """Return why the CPU was contended; None if it was not, or if CUDA events timed the calls.

        CUDA events do not measure the host's waits. A short wait that made only a few samples
        slow does not change the median, so it is ignored.
        """
        if self.waits is None or self.method != HOST_CLOCK:
            return None
        share = self.waits.longest_share
        in_all_samples = share - self._outlier_share >= CONTENDED_SHARE
        return self.waits.reason if in_all_samples or share >= BUSY_SHARE else None

    @property
    def _outlier_share(self) -> float:
        """The time by which the samples exceed their median, as a share of the total time."""
        middle, total = self.median_sec, sum(self.samples_sec)
        return max(0.0, 1 - len(self.samples_sec) * middle / total) if middle and total else 0.0

    def _warning(self) -> str | None:
        if self.noisy:
            return f"noisy: {self.spread:.0%} IQR"
        if not self.steady:
            if not self.warm_up_sec:
                return "not warmed up"
            return f"not steady after a warm-up of {format_seconds(self.warm_up_sec)}"
        if self.half_width is None:
            return f"only {plural(len(self.samples_sec), 'sample')}: no interval"
        if self.half_width > WIDE_INTERVAL:
            return f"wide interval: ±{self.half_width:.0%}"
        return None

    @property
    def disturbed(self) -> str | None:
        """What slowed the GPU down: throttling or other processes; None if nothing did."""
        seen = self.telemetry
        if seen and (slowed := seen.slowdowns or seen.throttled):
            return f"the GPU was throttled ({', '.join(slowed)})"
        if seen and seen.other_processes:
            many = seen.other_processes > 1
            return f"{seen.other_processes} other GPU process{'es' if many else ''} running"
        return None

    @property
    def invalid(self) -> str | None:
        """Why this time says nothing about the device, or None."""
        if self.disturbed:
            return self.disturbed
        limit = INVALID_IQR.get(self.method)
        if limit is not None and self.spread is not None and self.spread > limit:
            return f"too noisy: {self.spread:.0%} IQR, at most {limit:.0%} is allowed"
        return None
