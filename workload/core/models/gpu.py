"""Facts about the GPUs and their driver."""

from msgspec import field

from workload.core.models.model import Fact

SWITCH = "switch"


class Pcie(Fact, frozen=True):
    """The link of a GPU. Its current generation is left out: an idle GPU lowers it."""

    address: str | None  # as below /sys/bus/pci/devices, "0000:65:00.0"
    generation: int | None  # the highest that GPU and slot support together
    gpu_generation: int | None  # the highest that the GPU supports
    width: int | None  # lanes in use


class Fabric(Fact, frozen=True):
    """The GPU's place in an NVLink fabric with switches; None for a GPU without one."""

    state: str | None  # "not started", "in progress", "completed"
    error: str | None  # NVML's reason why the GPU did not join
    unhealthy: tuple[str, ...] = ()


class NvLinks(Fact, frozen=True):
    """The GPU's NVLinks; `errors` are counted since the last reset."""

    active: int
    inactive: tuple[int, ...]
    errors: dict[str, int]


class GpuLinks(Fact, frozen=True):
    """What connects one GPU with the others of its machine, which are named by their UUID.

    `nvlinks` counts the active NVLinks to each GPU, and to SWITCH for those to an NVSwitch. `paths`
    are of PCIe, in the words of `nvidia-smi topo -m`: PIX, PXB, PHB, NODE, SYS.
    """

    uuid: str
    pcie: Pcie
    nvlink_generation: int | None = None
    nvlinks: dict[str, int] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)


class GpuHealth(Fact, frozen=True):
    """What the driver knows about faults of one GPU; unknown and not supported are None.

    Counters are those since the last reset of the GPU or start of the driver.
    """

    recovery_action: int | None = None  # see doctor/actions/xids.py
    fabric: Fabric | None = None
    nvlinks: NvLinks | None = None
    sram_threshold_exceeded: bool | None = None  # too many uncorrectable errors, ever
    sram_uncorrectable: int | None = None
    ecc_corrected: int | None = None
    pcie_replays: int | None = None
    power_limit_watt: float | None = None
    default_power_limit_watt: float | None = None


class GpuState(Fact, frozen=True):
    """Settings and health of one GPU; `silent` has NVML's reason for each missing answer."""

    brand: str | None
    mig: bool | None
    mig_slices: int | None
    compute_mode: str | None
    processes: int | None  # with a CUDA context on the GPU, including this one
    ecc: bool | None
    ecc_uncorrected: int | None  # uncorrectable memory errors since the driver was loaded
    remap_pending: bool | None  # a memory row is replaced at the next reset
    remap_failed: bool | None  # no spare row was left
    throttled: tuple[str, ...] | None
    persistence: bool | None
    pcie: Pcie
    silent: dict[str, str]
    health: GpuHealth | None = None


class Gpu(Fact, frozen=True):
    """One GPU as the driver reports it; what it does not report is None."""

    index: int  # the driver's (PCI order); CUDA may number differently
    name: str | None
    uuid: str | None
    capability: str | None  # compute capability, "9.0"
    memory_total_bytes: int | None
    memory_free_bytes: int | None
    state: GpuState | None = None
    error: str | None = None  # NVML's reason why the GPU itself does not answer
    code: int | None = None  # of that reason, `nvmlReturn_t`


class CudaStart(Fact, frozen=True):
    """How CUDA starts without PyTorch; codes are `CUresult`, 0 is success."""

    library: str | None = None  # the libcuda that was loaded
    version: int | None = None  # the newest CUDA it runs: 13000 is 13.0
    code: int | None = None  # of the start; None: it did not answer
    count: int | None = None  # GPUs that CUDA shows
    context: int | None = None  # the code with which the requested GPU can be used
    error: str | None = None  # why libcuda did not answer
    hung: bool = False  # it was ended after the time limit
    signal: str | None = None  # that ended it, "SIGABRT"


class Driver(Fact, frozen=True):
    """The driver and its GPUs."""

    version: str  # "580.65.06"
    cuda_version: str | None  # the newest CUDA it runs, "13.0"
    gpus: tuple[Gpu, ...]
