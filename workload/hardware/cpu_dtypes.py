"""Which dtypes a CPU only emulates, by its flags in /proc/cpuinfo."""

from collections.abc import Collection

from workload.core.models.device import DeviceInfo
from workload.hardware.precision import default_dtypes
from workload.hardware.processor import read_processor

# Flags, one of which the dtype needs, and their names in the vendors' manuals; by a flag that
# every 64-bit CPU of the architecture has.
_NEEDED = {
    "sse2": {
        "bfloat16": ({"avx512_bf16", "amx_bf16"}, "AVX512_BF16 or AMX"),
        "float16": ({"avx512_fp16", "amx_fp16"}, "AVX512_FP16 or AMX_FP16"),
    },
    "asimd": {
        "bfloat16": ({"bf16", "svebf16"}, "FEAT_BF16"),
        "float16": ({"asimdhp"}, "FEAT_FP16"),
    },
}


def emulation(dtype: str, flags: Collection[str]) -> str | None:
    """Return why a CPU with these flags emulates the dtype; None if not, or if unknown.

    >>> emulation("float16", {"sse2", "avx512_bf16"})
    'no AVX512_FP16 or AMX_FP16: emulated'
    >>> emulation("bfloat16", {"asimd", "asimdhp"})
    'no FEAT_BF16: emulated'
    """
    for common, dtypes in _NEEDED.items():
        needed, names = dtypes.get(dtype, (set(), ""))
        if common in flags and names and not needed & set(flags):
            return f"no {names}: emulated"
    return None


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
