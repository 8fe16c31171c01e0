"""How many threads make a CPU fastest: tried, since neither quota nor core count tells."""

import math
from dataclasses import replace

from workload.bench.operations.matmul import MatMul, squares
from workload.bench.runner import run_case
from workload.core.results import DeviceInfo
from workload.hardware import devices

PROBE = MatMul(squares(1024)[0], "float32")
PROBE_SEC = 0.3
# Among counts nearly as fast the highest: what else keeps a machine busy slows more threads more.
TIE = 1.15


def with_best_threads(device: DeviceInfo) -> DeviceInfo:
    """The CPU with the most threads that multiply about as fast as any, set for the whole process.

    Tried are 1, 2, 4 and so on up to what the quota allows. A GPU is returned as it is.
    """
    if device.kind != "cpu":
        return device
    tried = thread_counts(device.threads)
    seconds = {count: _best_sec(devices.set_threads(device, count)) for count in tried}
    enough = TIE * min(seconds.values())
    best = max(count for count in tried if seconds[count] <= enough)
    return replace(devices.set_threads(device, best), swept_threads=tried)


def thread_counts(most: int) -> tuple[int, ...]:
    """Powers of two below `most`, and `most` itself.

    >>> thread_counts(6)
    (1, 2, 4, 6)
    """
    doublings = (1 << power for power in range(most.bit_length()))
    return (*(count for count in doublings if count < most), most)


def _best_sec(device: DeviceInfo) -> float:
    """The fastest sample: what else keeps the machine busy only ever adds time."""
    timing = run_case(PROBE, device, PROBE_SEC).timing
    return min(timing.samples_sec) if timing else math.inf
