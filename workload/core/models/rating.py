"""The limits of a device, and how close a case came to them."""

from enum import StrEnum

from msgspec import field

from workload.core.models.model import Amount, Count, Dtype, Model


class Regime(StrEnum):
    """What bounds the time of a case."""

    LAUNCH = "launch-bound"
    BANDWIDTH = "bandwidth-bound"
    COMPUTE = "compute-bound"


class Rating(Model, frozen=True):
    """What limits a case, and how close the case came to that limit.

    `peak_share` is the case's rate as a share of the datasheet's peak (on a CPU, of the nominal
    peak). The peak is the dense rate of the dtype or, for a copy, the memory bandwidth.
    `ceiling_share` is the minimum time that the measured ceilings allow, as a share of the case's
    median time. Without a measured ceiling, `regime` and `ceiling_share` are None.
    """

    regime: Regime | None
    peak_share: Amount | None
    ceiling_share: Amount | None


class Ceilings(Model, frozen=True):
    """The limits of one device: from its datasheet, and as measured on it.

    The rates in GFLOP/s are listed by dtype. A measured rate is the best rate of this run,
    including the rates that `--search` found.
    """

    peak_source: str | None = None
    peak_gflops: dict[Dtype, Amount] = field(default_factory=dict)
    peak_gbs: Amount | None = None
    measured_gflops: dict[Dtype, Amount] = field(default_factory=dict)
    # Of a copy much larger than the caches. Bytes read and bytes written are counted.
    measured_gbs: Amount | None = None
    launch_sec: Amount | None = None
    host_to_device_gbs: Amount | None = None
    device_to_host_gbs: Amount | None = None
    cache_bytes: Count | None = None  # of the last-level cache
