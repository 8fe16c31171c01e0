"""One operation in one dtype: what it computes, how it ended, and how fast it was."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from workload.core.bus_bandwidth import bus_bandwidth
from workload.core.models.model import Amount, Count, Dtype, Model, Positive, Size, derive
from workload.core.models.rating import Rating
from workload.core.models.timing import Timing
from workload.core.shape import shape_label


class Kind(StrEnum):
    """What a case computes or moves."""

    MATMUL = "matmul"
    CONVOLUTION = "convolution"
    TRAIN = "train"  # one step of the example network's training
    COPY = "copy"  # within the device's memory
    TO_DEVICE = "host to device"
    TO_HOST = "device to host"
    LAUNCH = "launch"
    # Between ranks. The shape is (ranks, elements of the whole array).
    ALL_REDUCE = "all-reduce"
    REDUCE_SCATTER = "reduce-scatter"
    ALL_GATHER = "all-gather"
    BROADCAST = "broadcast"
    ALL_TO_ALL = "all-to-all"
    SEND_RECEIVE = "send-receive"


class CaseStatus(StrEnum):
    """How one case ended."""

    OK = "ok"
    WRONG = "wrong"  # the result disagrees with float64: no speed is reported
    INVALID = "invalid"  # the result is right, but its time says nothing about the device
    EMULATED = "emulated"  # the result is right, but its time measures the emulator, not a CPU
    SKIPPED = "skipped"  # no time left in the budget
    DOES_NOT_FIT = "does_not_fit"  # does not fit in memory
    NOT_APPLICABLE = "not_applicable"  # not supported by this device
    INTERRUPTED = "interrupted"

    @property
    def words(self) -> str:
        """The status with spaces: `does not fit`."""
        return self.value.replace("_", " ")


class Case(Model, frozen=True):
    """One operation in one dtype, and how long it took.

    `flops` is the number of floating-point operations of one call. `bytes` is the minimum that one
    call must read and write. Both are counted from the formula of the operation. `error_share` is
    the largest error divided by its tolerance, at most 1 if the result is right. `transfer_sec` is
    the time to copy the inputs to the device and the result back; None on a CPU.
    """

    kind: Kind
    shape: Annotated[tuple[Size, ...], Meta(min_length=1, max_length=6)]
    dtype: Dtype
    flops: Count
    bytes: Count
    launches: Count
    status: CaseStatus
    reason: str | None = None
    timing: Timing | None = None
    error_share: Amount | None = None
    transfer_sec: Amount | None = None
    rating: Rating | None = None
    variant: str | None = None  # distinguishes cases of one shape, such as training modes
    threads: Positive | None = None  # CPU threads of a training run
    needed_sec: Amount | None = None  # estimated time of a case for which no time was left
    allowed_sec: Amount | None = None  # the case's share of the budget
    # Derived. Rates are computed from the median time; None without a valid time or with a count
    # of 0.
    name: str = ""  # `compare` pairs cases by name
    gflops: Amount | None = None
    gbs: Amount | None = None  # computed from `bytes`; between ranks, the algorithm bandwidth
    bus_gbs: Amount | None = None  # between ranks, see core/bus_bandwidth.py

    def __post_init__(self) -> None:
        """Derive the name and the rates."""
        gbs = self._rate(self.bytes)
        derive(
            self,
            name=f"{self.kind} {self.label} {self.dtype}",
            gflops=self._rate(self.flops),
            gbs=gbs,
            bus_gbs=bus_bandwidth(self.kind, self.shape[0], gbs),
        )

    @property
    def label(self) -> str:
        """The shape, and the variant if there is one."""
        return " ".join(filter(None, (shape_label(self.shape), self.variant)))

    @property
    def median_sec(self) -> float | None:
        """Median seconds of one call."""
        return self.timing.median_sec if self.timing else None

    def _rate(self, amount: int) -> float | None:
        if self.status is not CaseStatus.OK or not self.median_sec or not amount:
            return None
        return amount / self.median_sec / 1e9
