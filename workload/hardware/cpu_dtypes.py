"""Which dtypes a CPU only emulates, by its flags in /proc/cpuinfo.

Not covered: Arm CPUs, whose flags have other names.
"""

from collections.abc import Collection

from workload.core.models.device import DeviceInfo
from workload.hardware.devices import default_dtypes
from workload.hardware.processor import read_processor

# Flags, one of which the dtype needs on x86, and their names in Intel's and AMD's manuals.
_NEEDED = {
    "bfloat16": ({"avx512_bf16", "amx_bf16"}, "AVX512_BF16 or AMX"),
    "float16": ({"avx512_fp16", "amx_fp16"}, "AVX512_FP16 or AMX_FP16"),
}
_X86 = "sse2"  # every x86-64 CPU has it


def emulation(dtype: str, flags: Collection[str]) -> str | None:
    """Return why a CPU with these flags emulates the dtype; None if not, or if unknown.

    >>> emulation("float16", {"sse2", "avx512_bf16"})
    'no AVX512_FP16 or AMX_FP16: emulated'
    """
    needed, names = _NEEDED.get(dtype, (set(), ""))
    if not names or _X86 not in flags or needed & set(flags):
        return None
    return f"no {names}: emulated"


def emulations(device: DeviceInfo, dtypes: Collection[str]) -> dict[str, str]:
    """Return the dtypes that the device emulates, with the reason of each."""
    if device.kind != "cpu":
        return {}
    flags = read_processor().flags
    reasons = {dtype: emulation(dtype, flags) for dtype in dtypes}
    return {dtype: reason for dtype, reason in reasons.items() if reason}


def benchmarked_dtypes(device: DeviceInfo) -> tuple[str, ...]:
    """Return the dtypes that are timed by default: not float16 on a CPU that emulates it.

    There, a float16 matmul takes over twenty times as long as float32 (AMD Zen 4, torch 2.13).
    """
    dtypes = default_dtypes(device)
    emulated = emulations(device, dtypes)
    return tuple(dtype for dtype in dtypes if dtype != "float16" or dtype not in emulated)
