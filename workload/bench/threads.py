"""Measure which number of threads is fastest: the CPU quota and core count do not determine it."""

import math
from collections.abc import Mapping, Sequence
from statistics import geometric_mean

from msgspec.structs import replace

from workload.bench.operations.matmul import MatMul, squares
from workload.bench.runner import run_case
from workload.core.models.device import DeviceInfo
from workload.hardware import devices

PROBE = MatMul(squares(1024)[0], "float32")
PROBE_EDGE = 1024  # of the largest probe
PROBE_SEC = 0.3  # per count
# Counts whose times differ by less than this factor are about equally fast.
TIE = 1.15


def with_best_threads(device: DeviceInfo, probes: Sequence[MatMul] = (PROBE,)) -> DeviceInfo:
    """Set the number of threads of this process to the one that is fastest now.

    The counts are 1, 2, 4 and so on, up to the number that the quota allows. They are compared by
    the geometric mean of the probes' medians. Of the counts that are about equally fast, the
    highest is set or, if threads had to wait for other work, the lowest. A GPU is returned
    unchanged.
    """
    if device.kind != "cpu":
        return device
    counts = counts_up_to(device.threads)
    return with_fastest(
        device, {count: _probe(devices.set_threads(device, count), probes) for count in counts}
    )


def with_fastest(device: DeviceInfo, found: Mapping[int, tuple[float, bool]]) -> DeviceInfo:
    """Set the best count in `found` (see `fastest`), and record which counts were tried."""
    return replace(
        devices.set_threads(device, fastest(found)),
        swept_threads=tuple(found),
        swept_contended=any(waited for _, waited in found.values()),
    )


def fastest(found: Mapping[int, tuple[float, bool]]) -> int:
    """Return the best count. `found` has the seconds of each count and whether threads waited."""
    enough = TIE * min(sec for sec, _ in found.values())
    among = [count for count, (sec, _) in found.items() if sec <= enough]
    contended = any(waited for _, waited in found.values())
    return min(among) if contended else max(among)


def probes_of(matmuls: Sequence[MatMul]) -> tuple[MatMul, ...]:
    """Return the smallest and the largest of these shapes, clipped to PROBE_EDGE, in float32.

    Threads that wait for other work slow a small matmul a hundred times more than a large one.
    """
    if not matmuls:
        return (PROBE,)
    ordered = sorted((matmul.size for matmul in matmuls), key=lambda size: size.flops)
    clipped = (MatMul(size, "float32").clipped(PROBE_EDGE) for size in (ordered[0], ordered[-1]))
    return tuple(dict.fromkeys(clipped))


def counts_up_to(most: int) -> tuple[int, ...]:
    """Return the numbers of threads or ranks to try: the powers of two below `most`, and `most`.

    >>> counts_up_to(6)
    (1, 2, 4, 6)
    """
    doublings = (1 << power for power in range(most.bit_length()))
    return (*(count for count in doublings if count < most), most)


def _probe(device: DeviceInfo, probes: Sequence[MatMul]) -> tuple[float, bool]:
    """Return the geometric mean of the probes' medians, and whether threads had to wait."""
    timings = [run_case(probe, device, PROBE_SEC / len(probes)).timing for probe in probes]
    medians = [timing.median_sec or math.inf if timing else math.inf for timing in timings]
    return geometric_mean(medians), any(timing and timing.contended for timing in timings)
