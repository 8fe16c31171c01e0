"""Facts about the GPUs and their driver."""

from msgspec import field

from workload.core.models.model import Fact

SWITCH = "switch"


class Pcie(Fact, frozen=True):
    """The PCIe link of a GPU, without its current generation, which an idle GPU lowers."""

    address: str | None  # as below /sys/bus/pci/devices, "0000:65:00.0"
    generation: int | None  # the highest that both the GPU and the slot support
    gpu_generation: int | None  # the highest that the GPU supports
    width: int | None  # lanes in use


class Fabric(Fact, frozen=True):
    """The state of a GPU in an NVLink fabric with switches."""

    state: str | None  # "not started", "in progress", "completed"
    error: str | None  # NVML's reason why the GPU did not join
    unhealthy: tuple[str, ...] = ()


class NvLinks(Fact, frozen=True):
    """The GPU's NVLinks; `errors` are counted since the last reset."""

    active: int
    inactive: tuple[int, ...]
    errors: dict[str, int]


class GpuLinks(Fact, frozen=True):
    """The links of one GPU to the other GPUs of its machine, by the UUID of the other GPU.

    `nvlinks` counts the active NVLinks to each GPU; the key SWITCH is for links to an NVSwitch.
    `paths` are PCIe paths in the terms of `nvidia-smi topo -m`: PIX, PXB, PHB, NODE, SYS.
    """

    uuid: str
    pcie: Pcie
    nvlink_generation: int | None = None
    nvlinks: dict[str, int] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)


class GpuHealth(Fact, frozen=True):
    """What the driver reports about faults of one GPU. Unknown or unsupported values are None.

    Counters start at the last reset of the GPU or the last start of the driver.
    """

    recovery_action: int | None = None  # see doctor/actions/xids.py
    fabric: Fabric | None = None  # None also for a GPU without a fabric
    nvlinks: NvLinks | None = None
    sram_threshold_exceeded: bool | None = None  # too many uncorrectable errors, ever
    sram_uncorrectable: int | None = None
    ecc_corrected: int | None = None
    pcie_replays: int | None = None
    power_limit_watt: float | None = None
    default_power_limit_watt: float | None = None


class GpuState(Fact, frozen=True):
    """Settings and health of one GPU; `silent` has NVML's reason for each query that failed."""

    brand: str | None
    mig: bool | None
    mig_slices: int | None
    compute_mode: str | None
    processes: int | None  # that have a CUDA context on the GPU, including this process
    ecc: bool | None
    ecc_uncorrected: int | None  # uncorrectable memory errors since the driver was loaded
    remap_pending: bool | None  # a memory row will be replaced at the next reset
    remap_failed: bool | None  # no spare row was left
    throttled: tuple[str, ...] | None
    persistence: bool | None
    pcie: Pcie
    silent: dict[str, str]
    health: GpuHealth | None = None


class Gpu(Fact, frozen=True):
    """One GPU as the driver reports it. Values that it does not report are None."""

    index: int  # the driver's (PCI order); CUDA may use another order
    name: str | None
    uuid: str | None
    capability: str | None  # compute capability, "9.0"
    memory_total_bytes: int | None
    memory_free_bytes: int | None
    state: GpuState | None = None
    error: str | None = None  # NVML's reason why the GPU itself does not answer
    code: int | None = None  # the `nvmlReturn_t` of `error`


class CudaStart(Fact, frozen=True):
    """The result of initializing CUDA without PyTorch. Codes are `CUresult`; 0 is success."""

    library: str | None = None  # the libcuda that was loaded
    version: int | None = None  # the newest CUDA version that libcuda supports: 13000 is 13.0
    code: int | None = None  # of the initialization; None if libcuda did not answer
    count: int | None = None  # GPUs that CUDA shows
    context: int | None = None  # the code of creating and using a context on the requested GPU
    error: str | None = None  # why libcuda did not answer
    hung: bool = False  # its process was ended after the time limit
    signal: str | None = None  # the signal that ended its process: "SIGABRT"


class Driver(Fact, frozen=True):
    """The driver and its GPUs."""

    version: str  # "580.65.06"
    cuda_version: str | None  # the newest CUDA version that it supports, "13.0"
    gpus: tuple[Gpu, ...]
