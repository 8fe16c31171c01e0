"""Errors that the NVIDIA driver reports by number."""

from workload.core.models.model import Fact


class Xid(Fact, frozen=True):
    """An error that the NVIDIA driver reported, by its number in NVIDIA's catalog.

    `during_run` is true for one that came while this command ran.
    """

    address: str  # of the GPU, as below /sys/bus/pci/devices
    number: int
    text: str
    at_sec: float | None  # since the machine started; None without a time
    during_run: bool = False
