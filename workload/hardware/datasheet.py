"""The limits of a device according to its vendor."""

from workload.core.models.device import DeviceInfo
from workload.core.models.rating import Ceilings
from workload.core.units import DTYPE_BYTES
from workload.hardware import peaks
from workload.hardware.processor import read_processor

# Source, GFLOP/s by dtype, GB/s.
Known = tuple[str | None, dict[str, float | None], float | None]


def datasheet_ceilings(device: DeviceInfo) -> Ceilings:
    """Return dense peaks of a known GPU, nominal ones of a CPU; an unknown device has none.

    A CPU's nominal peak is not an upper bound: the clock that a virtual machine shows may be lower
    than the actual one. It is that of all CPUs that this process may use, however many threads run.
    `peak_source` has its inputs.
    """
    known = _nominal(device) if device.kind == "cpu" else _stated(device)
    source, rates, memory_gbs = known
    return Ceilings(
        peak_source=source,
        peak_gflops={dtype: rate for dtype, rate in rates.items() if rate is not None},
        peak_gbs=memory_gbs,
        cache_bytes=device.cache_bytes,
    )


def _stated(device: DeviceInfo) -> Known:
    peak = peaks.find_peak(device.name, device.sm_count, device.memory_bytes)
    if peak is None:
        return None, {}, None
    rates = {dtype: peak.gflops(dtype) for dtype in DTYPE_BYTES}
    return f"{peak.source} (checked {peak.date})", rates, peak.memory_gb_per_sec


def _nominal(device: DeviceInfo) -> Known:
    peak = peaks.nominal_cpu_peak(read_processor(), device.usable_cpus or device.threads)
    if peak is None:
        return None, {}, None
    rates = {dtype: peak.gflops(dtype) for dtype in DTYPE_BYTES}
    return f"nominal: {peak.describe('float32')}", rates, None
