"""Read settings and health of one NVIDIA GPU through NVML.

A value that the driver does not report is None; `silent` maps each failed query to NVML's reason.
Sources: nvml.h, NVML API Reference Guide.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from workload.core.models.gpu import GpuState, Pcie

Answer = TypeVar("Answer")

# Why a GPU runs slower than its work allows (nvml.h, nvmlClocksEventReasons). Left out are the
# reasons "idle" and "clocks set by the user", and the power limit, which large matmuls reach on
# every healthy data-center GPU.
THROTTLE_REASONS = {
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake slowdown",
}
# nvml.h, nvmlComputeMode_t. 1 was "exclusive thread", which current drivers do not have.
COMPUTE_MODES = {0: "default", 2: "prohibited", 3: "exclusive process"}
# nvml.h, nvmlBrandType_t; vGPUs and brands no longer sold are left out.
BRANDS = {
    1: "Quadro",
    2: "Tesla",
    5: "GeForce",
    6: "Titan",
    12: "Quadro RTX",
    13: "NVIDIA RTX",
    14: "NVIDIA",
}
NOT_SUPPORTED = "Not Supported"
FUNCTION_NOT_FOUND = 13  # NVML_ERROR_FUNCTION_NOT_FOUND


def failures(nvml: Any) -> tuple[type[Exception], ...]:
    """Return the binding's exceptions; some versions raise another for a missing function."""
    return (nvml.NVMLError, getattr(nvml, "NVMLLibraryMismatchError", nvml.NVMLError))


def answer(nvml: Any, ask: Callable[..., Answer], *args: object) -> Answer | None:
    """Return NVML's answer; None if the call fails, since GPUs differ in what they support."""
    try:
        return ask(*args)
    except failures(nvml):
        return None


def clock_reasons(nvml: Any, handle: Any) -> int | None:
    """Read the bit mask of clock event reasons; older bindings name the function differently."""
    for name in (
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetCurrentClocksThrottleReasons",
    ):
        ask = getattr(nvml, name, None)
        found: int | None = answer(nvml, ask, handle) if ask else None
        if found is not None:
            return found
    return None


def read_gpu_state(ask: "Questions") -> GpuState:
    """Read the state of a GPU. This takes some milliseconds and changes nothing."""
    mig = ask("mig", "nvmlDeviceGetMigMode")  # (now, after the next reset)
    processes = ask("gpu-shared", "nvmlDeviceGetComputeRunningProcesses")
    ecc = ask("ecc", "nvmlDeviceGetEccMode")  # (now, after the next reset)
    # Uncorrected errors (1), counted since the driver was loaded (0).
    uncorrected = ask("ecc", "nvmlDeviceGetTotalEccErrors", 1, 0) if ecc and ecc[0] else None
    # (rows replaced after corrected errors, after uncorrected ones, pending, failed)
    remaps = ask("row-remap", "nvmlDeviceGetRemappedRows")
    reasons = clock_reasons(ask.nvml, ask.handle)
    persistence = ask("persistence", "nvmlDeviceGetPersistenceMode")
    return GpuState(
        brand=BRANDS.get(ask("brand", "nvmlDeviceGetBrand")),
        mig=None if mig is None else bool(mig[0]),
        mig_slices=_mig_slices(ask.nvml, ask.handle) if mig and mig[0] else None,
        compute_mode=COMPUTE_MODES.get(ask("compute-mode", "nvmlDeviceGetComputeMode")),
        processes=None if processes is None else len(processes),
        ecc=None if ecc is None else bool(ecc[0]),
        ecc_uncorrected=uncorrected,
        remap_pending=None if remaps is None else bool(remaps[2]),
        remap_failed=None if remaps is None else bool(remaps[3]),
        throttled=None if reasons is None else throttle_names(reasons),
        persistence=None if persistence is None else bool(persistence),
        pcie=read_pcie(ask),
        silent=ask.silent,
    )


def throttle_names(reasons: int) -> tuple[str, ...]:
    """Return the names of the THROTTLE_REASONS that are set in a bit mask."""
    return tuple(name for bit, name in THROTTLE_REASONS.items() if reasons & bit)


def pci_address(address: str) -> str:
    """Return a PCI address as in /sys/bus/pci/devices: "0000:65:00.0" for "0000:65:00"."""
    address = address.lower()
    domain, *rest = address.split(":")
    short = ":".join((domain.lstrip("0").zfill(4), *rest))  # NVML's domain has eight digits
    return short if "." in short else f"{short}.0"


def read_pcie(ask: "Questions") -> Pcie:
    """Read a GPU's PCIe link."""
    info = ask("pcie", "nvmlDeviceGetPciInfo")  # "00000000:65:00.0": a domain of eight digits
    return Pcie(
        address=None if info is None else pci_address(info.busId),
        generation=ask("pcie", "nvmlDeviceGetMaxPcieLinkGeneration"),
        gpu_generation=ask("pcie", "nvmlDeviceGetGpuMaxPcieLinkGeneration"),
        width=ask("pcie", "nvmlDeviceGetCurrPcieLinkWidth"),
    )


def _mig_slices(nvml: Any, handle: Any) -> int | None:
    count = answer(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, handle)
    if count is None:
        return None
    slices = (
        answer(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        for index in range(count)
    )
    return sum(found is not None for found in slices)


def _reason(error: Exception, name: str) -> str:
    """Return NVML's reason; if the function is missing, a shorter text than the binding's."""
    code = getattr(error, "value", None)  # the binding's own exception has no code
    missing = code == FUNCTION_NOT_FOUND or (code is None and "version" in str(error))
    return f"this driver has no {name}" if missing else str(error)


class Questions:
    """Queries to NVML about one GPU, with the reason for each query that failed."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        """Prepare to query the GPU of this handle."""
        self.nvml = nvml
        self.handle = handle
        self.silent: dict[str, str] = {}

    def __call__(self, question: str, name: str, *args: object) -> Any:
        """Call NVML's function `name`; if it fails, store why in `silent` and return None."""
        ask = getattr(self.nvml, name, None)
        if ask is None:
            self.silent[question] = f"nvidia-ml-py has no {name}"
            return None
        try:
            return ask(self.handle, *args)
        except failures(self.nvml) as error:
            self.silent[question] = _reason(error, name)
            return None
