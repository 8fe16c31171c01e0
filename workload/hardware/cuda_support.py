"""Find which driver a CUDA build needs, and which GPUs a wheel has kernels for. Pure functions.

Sources: CUDA Toolkit Release Notes, table "CUDA Toolkit and Minimum Required Driver Version
for CUDA Minor Version Compatibility"; CUDA C++ Programming Guide, "Binary Compatibility",
"PTX Compatibility" and "Feature Set Compiler Targets"; CUDA Compatibility, "Forward
Compatibility".

Not covered: Tegra's capabilities, which desktop binaries do not support.
"""

import re
from collections.abc import Iterable

from workload.core.models.gpu import CudaStart

# CUDA major version -> first driver branch that runs all its minor versions.
MINIMUM_DRIVERS = {11: "450", 12: "525", 13: "580"}

DATA_CENTER_BRANDS = ("NVIDIA", "Tesla")

ARCHITECTURE = re.compile(r"(?P<kind>sm|compute)_(?P<major>\d+)(?P<minor>\d)(?P<feature>[af]?)")


def minimum_driver(cuda_version: str) -> str | None:
    """Return the oldest driver for a CUDA build ("13.0" -> "580"); None for an unknown version."""
    major = cuda_version.partition(".")[0]
    return MINIMUM_DRIVERS.get(int(major)) if major.isdecimal() else None


def driver_suffices(driver_version: str, cuda_version: str) -> bool | None:
    """Return whether a driver ("580.65.06") runs a CUDA build; None if either is unknown.

    A driver newer than any in the table suffices: drivers support every older CUDA version.
    """
    needed, branch = minimum_driver(cuda_version), driver_version.partition(".")[0]
    if needed is None or not branch.isdecimal():
        return None
    return int(branch) >= int(needed)


def older_library(start: CudaStart, cuda_version: str) -> bool:
    """Return whether the loaded libcuda has an older major version than a CUDA build."""
    major = cuda_version.partition(".")[0]
    return bool(start.version) and major.isdecimal() and (start.version or 0) // 1000 < int(major)


def library_text(start: CudaStart) -> str:
    """Return the path of the loaded libcuda and its CUDA version."""
    version = start.version or 0
    return f"{start.library or 'libcuda'} is for CUDA {version // 1000}.{version % 1000 // 10}"


def forward_compatible(brand: str | None) -> bool | None:
    """Return whether the cuda-compat package supports GPUs of this brand on an older driver.

    It supports data-center GPUs, whose brand is NVIDIA in newer drivers and Tesla in older ones,
    and some RTX GPUs. None if the brand alone does not decide.
    """
    if brand in ("GeForce", "Titan"):
        return False
    return True if brand in DATA_CENTER_BRANDS else None


def kernel_source(capability: tuple[int, int], arch_list: Iterable[str]) -> str | None:
    """Return the entry of a wheel's arch list that a GPU of this capability runs, or None.

    A binary ("sm_80") runs on the same major version with an equal or higher minor one; PTX
    ("compute_80") is compiled by the driver for any equal or higher capability. The suffix
    "a" limits an entry to its exact capability, "f" to its family, here the major version.
    Binaries take precedence over PTX, and the closest entry over others.
    """
    usable = [
        (kind == "sm", built_for, entry)
        for entry, kind, built_for, feature in _parsed(arch_list)
        if _runs(capability, kind, built_for, feature)
    ]
    return max(usable)[2] if usable else None


def supports(capability: tuple[int, int], arch_list: Iterable[str]) -> bool:
    """Return whether a wheel with this arch list has kernels or PTX for a GPU."""
    return kernel_source(capability, arch_list) is not None


def parse_capability(text: str) -> tuple[int, int]:
    """Parse a compute capability: "9.0" -> (9, 0)."""
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def _parsed(arch_list: Iterable[str]) -> list[tuple[str, str, tuple[int, int], str]]:
    matches = ((entry, ARCHITECTURE.fullmatch(entry)) for entry in arch_list)
    return [
        (entry, match["kind"], (int(match["major"]), int(match["minor"])), match["feature"])
        for entry, match in matches
        if match
    ]


def _runs(capability: tuple[int, int], kind: str, built_for: tuple[int, int], feature: str) -> bool:
    if feature == "a":
        return capability == built_for
    same_family = capability[0] == built_for[0]
    return capability >= built_for and (same_family or (kind == "compute" and not feature))
