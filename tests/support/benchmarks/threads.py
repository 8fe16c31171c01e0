"""The CPU threads of an operation, where they are not those of the session."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workload.core.models.device import DeviceInfo
from workload.hardware import devices
from workload.hardware.openmp import most_threads

Threads = Callable[[int], int] | None  # gives them from how many can work at once


@contextmanager
def with_threads(device: DeviceInfo, threads: Threads) -> Iterator[DeviceInfo]:
    """Within, let a CPU work with as many threads as `threads` gives."""
    if threads is None or device.kind != "cpu":
        yield device
        return
    try:
        yield devices.set_threads(device, threads(most_threads(device)[0]))
    finally:
        devices.set_threads(device, device.threads)
