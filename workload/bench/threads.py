"""Find the number of threads that makes a CPU fastest; quota and core count do not show it."""

import math

from msgspec.structs import replace

from workload.bench.operations.matmul import MatMul, squares
from workload.bench.runner import run_case
from workload.core.models.device import DeviceInfo
from workload.hardware import devices

PROBE = MatMul(squares(1024)[0], "float32")
PROBE_SEC = 0.3
# Of counts nearly as fast choose the highest: other load slows more threads more.
TIE = 1.15


def with_best_threads(device: DeviceInfo) -> DeviceInfo:
    """Set the highest number of threads that is about as fast as the fastest, for this process.

    Tries 1, 2, 4 and so on up to what the quota allows. Returns a GPU unchanged.
    """
    if device.kind != "cpu":
        return device
    tried = thread_counts(device.threads)
    seconds = {count: _best_sec(devices.set_threads(device, count)) for count in tried}
    enough = TIE * min(seconds.values())
    best = max(count for count in tried if seconds[count] <= enough)
    return replace(devices.set_threads(device, best), swept_threads=tried)


def thread_counts(most: int) -> tuple[int, ...]:
    """Return the powers of two below `most`, and `most` itself.

    >>> thread_counts(6)
    (1, 2, 4, 6)
    """
    doublings = (1 << power for power in range(most.bit_length()))
    return (*(count for count in doublings if count < most), most)


def _best_sec(device: DeviceInfo) -> float:
    """Return the fastest sample: other load only ever adds time."""
    timing = run_case(PROBE, device, PROBE_SEC).timing
    return min(timing.samples_sec) if timing else math.inf
