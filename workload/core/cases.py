"""What a benchmark measured, and how far it can be trusted: frozen dataclasses.

Times are seconds, sizes bytes, rates GFLOP/s (1e9 floating-point operations a second) and
GB/s (1e9 bytes a second). Raw samples stay; statistics are derived.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from workload.core.statistics import interquartile_range, median, median_interval
from workload.core.units import format_seconds, plural

# How a call was timed.
HOST_CLOCK = "host clock"
CUDA_EVENTS = "CUDA events"
CUDA_GRAPH = "CUDA graph"  # events around a replayed graph: no launch by the host is in it

# In which state the caches were.
WARM = "warm"  # the same buffers at each call
COLD = "cold"  # a buffer of twice the last cache was written before each call

# An interquartile range over this share of the median is noise, as in torch.utils.benchmark.
NOISY_IQR = 0.1
# Above this the median says nothing about a GPU: one without other processes stays far below. The
# CPUs of a virtual machine are always shared: there noise is a warning, and the time stays valid.
INVALID_IQR = {CUDA_EVENTS: 0.1, CUDA_GRAPH: 0.1}
# Half the width of the median's interval, as a share of it, above which a result has a warning.
WIDE_INTERVAL = 0.05


@dataclass(frozen=True)
class Telemetry:
    """What the driver reported while a case was timed, one value a reading.

    `throttled` are the reasons, seen in any reading, why the GPU was slowed down: thermal or
    hardware slowdown, or a power brake. `power_capped` says that it ran at its own power limit,
    as a healthy GPU does under large matmuls. `other_processes` is the most seen.
    """

    at_sec: tuple[float, ...]
    sm_clock_mhz: tuple[float | None, ...]
    power_watt: tuple[float | None, ...]
    temperature_celsius: tuple[float | None, ...]
    throttled: tuple[str, ...] = ()
    power_capped: bool = False
    other_processes: int | None = None


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, one sample a batch, and how they were taken.

    `steady` is true if the warm-up ended because batches had become equally fast, and false if
    its share of the budget was used up. `overhead_sec` is what the timer adds to a call, measured
    with a call that does nothing; it is not subtracted.
    """

    DERIVED: ClassVar = ("median_sec", "iqr_sec", "interval_sec", "warning")

    method: str
    cache: str
    calls_per_sample: int
    samples_sec: tuple[float, ...]
    warm_up_sec: float
    steady: bool
    overhead_sec: float
    telemetry: Telemetry | None = None

    @property
    def median_sec(self) -> float | None:
        """Median seconds of one call."""
        return median(self.samples_sec)

    @property
    def iqr_sec(self) -> float | None:
        """Interquartile range of the seconds of one call."""
        return interquartile_range(self.samples_sec)

    @property
    def interval_sec(self) -> tuple[float, float] | None:
        """95 % interval of the median within this process."""
        return median_interval(self.samples_sec)

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
        """Whether the samples differ by more than NOISY_IQR."""
        return self.spread is not None and self.spread > NOISY_IQR

    @property
    def warning(self) -> str | None:
        """Why the median is less reliable than its digits suggest, or None."""
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
    def invalid(self) -> str | None:
        """Why this time says nothing about the device, or None."""
        seen = self.telemetry
        if seen and seen.throttled:
            return f"the GPU was throttled ({', '.join(seen.throttled)})"
        if seen and seen.other_processes:
            many = seen.other_processes > 1
            return f"{seen.other_processes} other GPU process{'es' if many else ''} running"
        limit = INVALID_IQR.get(self.method)
        if limit is not None and self.spread is not None and self.spread > limit:
            return f"too noisy: {self.spread:.0%} IQR, at most {limit:.0%} is allowed"
        return None


class Kind(StrEnum):
    """What a case computes or moves."""

    MATMUL = "matmul"
    CONVOLUTION = "convolution"
    TRAIN = "train"  # one step of the example network's training
    COPY = "copy"  # within the device's memory
    TO_DEVICE = "host to device"
    TO_HOST = "device to host"
    LAUNCH = "launch"


class CaseStatus(StrEnum):
    """How one case ended."""

    OK = "ok"
    WRONG = "wrong"  # the result disagrees with float64: no speed is reported
    INVALID = "invalid"  # the result is right, but its time says nothing about the device
    SKIPPED = "skipped"  # no time left in the budget
    DOES_NOT_FIT = "does_not_fit"  # does not fit memory
    NOT_APPLICABLE = "not_applicable"  # not supported by this device
    INTERRUPTED = "interrupted"

    @property
    def words(self) -> str:
        """The status with spaces: `does not fit`."""
        return self.value.replace("_", " ")


class Regime(StrEnum):
    """What bounds the time of a case."""

    LAUNCH = "launch-bound"
    BANDWIDTH = "bandwidth-bound"
    COMPUTE = "compute-bound"


@dataclass(frozen=True)
class Rating:
    """What limits a case, and how close to the limit it came.

    `peak_share` is a share of the datasheet's dense peak (on a CPU, of the nominal peak),
    `ceiling_share` of what this device reached at the case's arithmetic intensity.
    """

    regime: Regime
    peak_share: float | None
    ceiling_share: float | None


@dataclass(frozen=True)
class Ceilings:
    """The limits of one device: from its datasheet, and as measured on it.

    Rates are in GFLOP/s by dtype. The measured rate is that of the best matmul, of this run or
    found by `--search`.
    """

    peak_source: str | None = None
    peak_gflops: dict[str, float] = field(default_factory=dict)
    peak_gbs: float | None = None
    measured_gflops: dict[str, float] = field(default_factory=dict)
    measured_gbs: float | None = None  # of a copy far beyond the caches, read and written bytes
    launch_sec: float | None = None
    host_to_device_gbs: float | None = None
    device_to_host_gbs: float | None = None
    cache_bytes: int | None = None  # of the last cache before the memory


@dataclass(frozen=True)
class Shape:
    """The shape of a matmul: (m, k) by (k, n)."""

    m: int
    k: int
    n: int

    @property
    def flops(self) -> int:
        """Floating-point operations: m·k·n multiplies and as many adds."""
        return 2 * self.m * self.k * self.n

    @property
    def elements(self) -> int:
        """Elements of both inputs and of the result."""
        return self.m * self.k + self.k * self.n + self.m * self.n

    def __str__(self) -> str:
        """The shape as `--sizes` takes it: `4096`, or `MxKxN`."""
        return shape_label((self.m, self.k, self.n))


def shape_label(shape: tuple[int, ...]) -> str:
    """Return `4096` if all edges are equal, else all of them: `64x10000x100`."""
    return str(shape[0]) if len(set(shape)) == 1 else "x".join(map(str, shape))


@dataclass(frozen=True)
class Case:
    """One operation in one dtype, and how long it took.

    `flops` and `bytes` are counted from the formula: what one call must compute, and the
    least it must read and write. `error_share` is the largest error over its tolerance, at
    most 1 if right. `transfer_sec` is the time of bringing the inputs to the device and the
    result back, None on a CPU.
    """

    DERIVED: ClassVar = ("name", "gflops", "gbs")

    kind: Kind
    shape: tuple[int, ...]
    dtype: str
    flops: int
    bytes: int
    launches: int
    status: CaseStatus
    reason: str | None = None
    timing: Timing | None = None
    error_share: float | None = None
    transfer_sec: float | None = None
    rating: Rating | None = None
    variant: str | None = None  # what else tells cases apart: the mode of a training

    @property
    def label(self) -> str:
        """The shape, and the variant where there is one."""
        return " ".join(filter(None, (shape_label(self.shape), self.variant)))

    @property
    def name(self) -> str:
        """What pairs cases of two records: kind, shape, variant and dtype."""
        return f"{self.kind} {self.label} {self.dtype}"

    @property
    def median_sec(self) -> float | None:
        """Median seconds of one call."""
        return self.timing.median_sec if self.timing else None

    @property
    def gflops(self) -> float | None:
        """GFLOP/s at the median time; None where there is no valid time, or nothing to compute."""
        return self._rate(self.flops)

    @property
    def gbs(self) -> float | None:
        """GB/s at the median time, of the least traffic."""
        return self._rate(self.bytes)

    def _rate(self, amount: int) -> float | None:
        if self.status is not CaseStatus.OK or not self.median_sec or not amount:
            return None
        return amount / self.median_sec / 1e9
