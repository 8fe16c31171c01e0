"""The limits of a device, and how close to them a case came."""

from enum import StrEnum

from msgspec import field

from workload.core.models.model import Amount, Count, Dtype, Model


class Regime(StrEnum):
    """What bounds the time of a case."""

    LAUNCH = "launch-bound"
    BANDWIDTH = "bandwidth-bound"
    COMPUTE = "compute-bound"


class Rating(Model, frozen=True):
    """What limits a case, and how close to the limit it came.

    `peak_share` is a share of the datasheet's dense peak (on a CPU, of the nominal peak).
    `ceiling_share` is a share of what this device reached at the case's arithmetic intensity.
    Without a measured ceiling, `regime` and `ceiling_share` are None.
    """

    regime: Regime | None
    peak_share: Amount | None
    ceiling_share: Amount | None


class Ceilings(Model, frozen=True):
    """The limits of one device: from its datasheet, and as measured on it.

    Rates are in GFLOP/s by dtype. The measured rate is the best one of this run, including those
    that `--search` found.
    """

    peak_source: str | None = None
    peak_gflops: dict[Dtype, Amount] = field(default_factory=dict)
    peak_gbs: Amount | None = None
    measured_gflops: dict[Dtype, Amount] = field(default_factory=dict)
    measured_gbs: Amount | None = None  # of a copy far beyond the caches; bytes read and written
    launch_sec: Amount | None = None
    host_to_device_gbs: Amount | None = None
    device_to_host_gbs: Amount | None = None
    cache_bytes: Count | None = None  # of the last-level cache
