"""Stand-ins for hardware this machine does not have."""

from workload.core.models.gpu import Driver, Gpu, GpuHealth, GpuState, NvLinks, Pcie
from workload.hardware.nvml import HardwareError

GIB = 1 << 30
HEALTHY = GpuState(
    brand="NVIDIA",
    mig=False,
    mig_slices=None,
    compute_mode="default",
    processes=1,
    ecc=True,
    ecc_uncorrected=0,
    remap_pending=False,
    remap_failed=False,
    throttled=(),
    persistence=True,
    pcie=Pcie("0000:65:00.0", generation=5, gpu_generation=5, width=16),
    silent={},
    health=GpuHealth(
        recovery_action=0,
        nvlinks=NvLinks(18, (), {}),
        sram_threshold_exceeded=False,
        sram_uncorrectable=0,
        ecc_corrected=0,
        pcie_replays=0,
        power_limit_watt=700.0,
        default_power_limit_watt=700.0,
    ),
)
H200 = Gpu(0, "NVIDIA H200", "GPU-0000", "9.0", 141 * GIB, 140 * GIB, HEALTHY)


class FakeHardware:
    """A driver that answers."""

    def __init__(self, version: str = "580.65.06", gpus: tuple[Gpu, ...] = (H200,)) -> None:
        self._driver = Driver(version=version, cuda_version="13.0", gpus=gpus)

    def driver(self) -> Driver:
        return self._driver


class FailingHardware:
    """A driver that does not."""

    def __init__(self, reason: str = "NVML: NVML Shared Library Not Found") -> None:
        self._reason = reason

    def driver(self) -> Driver:
        raise HardwareError(self._reason)
