"""Errors that the NVIDIA driver reports: Xids, and NVLink error counts."""

from workload.core.models.model import Fact


class Xid(Fact, frozen=True):
    """An error that the NVIDIA driver reported.

    `number` is the error's number in NVIDIA's catalog of Xids. `during_run` is true if the error
    occurred while this command ran.
    """

    address: str  # of the GPU, as below /sys/bus/pci/devices
    number: int
    text: str
    at_sec: float | None  # since the machine started; None if it is unknown
    during_run: bool = False
    recovery_action: int | None = None  # the driver's, after the error: NVML field 230


class LinkErrors(Fact, frozen=True):
    """The number of NVLink errors of each kind that a GPU had while this command ran."""

    address: str  # of the GPU
    counts: dict[str, int]
