"""What the benchmarks share. The device comes from --target, so test ids are the same on both."""

import pytest

from workload import devices
from workload.results import DeviceInfo


@pytest.fixture(scope="session")
def device_info(device: str) -> DeviceInfo:
    """The target's device; a missing GPU is an error here, never a fallback."""
    return devices.resolve(device)
