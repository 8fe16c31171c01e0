"""Facts about the GPUs and their driver."""

from workload.core.models.model import Fact


class Pcie(Fact, frozen=True):
    """The card's link. The generation it runs at is left out: at rest a card lowers it."""

    address: str | None  # as below /sys/bus/pci/devices, "0000:65:00.0"
    generation: int | None  # the highest that card and slot reach together
    card_generation: int | None  # the highest that the card could reach elsewhere
    width: int | None  # lanes in use


class GpuState(Fact, frozen=True):
    """Settings and health of one card; `silent` has NVML's reason for each question it left."""

    brand: str | None
    mig: bool | None
    mig_slices: int | None
    compute_mode: str | None
    processes: int | None  # that have a CUDA context on the card, this one among them
    ecc: bool | None
    ecc_uncorrected: int | None  # uncorrectable memory errors since the driver was loaded
    remap_pending: bool | None  # a memory row is replaced at the next reset
    remap_failed: bool | None  # no spare row was left for one
    throttled: tuple[str, ...] | None
    persistence: bool | None
    pcie: Pcie
    silent: dict[str, str]


class Gpu(Fact, frozen=True):
    """One card as the driver sees it; what the driver would not say is None."""

    index: int  # the driver's (PCI order); CUDA may number differently
    name: str | None
    uuid: str | None
    capability: str | None  # compute capability, "9.0"
    memory_total_bytes: int | None
    memory_free_bytes: int | None
    state: GpuState | None = None


class Driver(Fact, frozen=True):
    """The driver and its cards."""

    version: str  # "580.65.06"
    cuda_version: str | None  # the newest CUDA it runs, "13.0"
    gpus: tuple[Gpu, ...]
