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


def healthy_driver() -> Driver:
    """Answer as a driver does."""
    return Driver(version="580.65.06", cuda_version="13.0", gpus=(H200,))


def missing_driver() -> Driver:
    """Answer as where there is none."""
    raise HardwareError("NVML: NVML Shared Library Not Found")
