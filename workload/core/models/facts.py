"""The facts that the doctor reads."""

from msgspec import field

from workload.core.models.gpu import CudaStart, Driver
from workload.core.models.machine import (
    Clock,
    Compilers,
    Cpu,
    DeviceNode,
    Folder,
    ImportLimits,
    Limits,
    System,
    User,
)
from workload.core.models.model import Fact
from workload.core.models.pytorch import TorchFacts, TorchFiles
from workload.core.models.stress import Deep
from workload.core.models.xid import Xid

QUICK, DEFAULT, DEEP = "quick", "default", "deep"


class Facts(Fact, frozen=True):
    """Facts about this machine, this container and this PyTorch.

    An unknown fact is None. If its reader crashed, `unread` has the reason.
    """

    requested_device: str
    depth: str  # QUICK, DEFAULT or DEEP
    system: System | None
    cpu: Cpu | None
    limits: Limits | None
    user: User | None
    torch: TorchFacts | None
    torch_error: str | None  # why torch cannot be imported; None also if this was not tried
    torch_signal: str | None  # the signal that ended the process that used torch: "SIGILL"
    torch_files: TorchFiles | None
    driver: Driver | None
    driver_error: str | None  # why the driver does not answer
    kernel_driver: str | None  # the kernel module's version
    cuda_library_error: str | None  # why the loader does not find libcuda
    device_nodes: tuple[DeviceNode, ...] | None
    link_widths: dict[str, int] | None  # PCI address -> lanes that the GPU supports
    mapped_libraries: tuple[str, ...]  # CUDA libraries in the process that used torch
    path_libraries: tuple[str, ...] | None  # CUDA libraries in LD_LIBRARY_PATH and LD_PRELOAD
    compilers: Compilers | None
    folders: tuple[Folder, ...] | None
    clock: Clock | None
    unlocked: tuple[str, ...] | None  # packages whose version is not the locked one
    versions: dict[str, str] | None
    environment: dict[str, str] | None
    unread: dict[str, str] = field(default_factory=dict)  # fact -> why its reader crashed
    deep: Deep | None = None  # None also without --deep
    boot_id: str | None = None  # changes at each start of the machine
    booted_sec: float | None = None  # when the machine was started, as seconds since 1970
    xids: tuple[Xid, ...] | None = None  # the newest; None if the kernel's log cannot be read
    driver_code: int | None = None  # the `nvmlReturn_t` of `driver_error`
    driver_hung: bool = False  # NVML did not answer in time
    cuda: CudaStart | None = None  # None if initializing CUDA was not tried
    import_limits: ImportLimits | None = None  # on threads and memory
