"""Find which dtypes a device supports or emulates, and set torch's arithmetic precision."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch

from workload.core.errors import BadInputError
from workload.core.models.device import DeviceInfo
from workload.core.units import DTYPE_BYTES, storage_dtype
from workload.hardware.cuda_support import parse_capability
from workload.hardware.processor import read_processor

TF32_CAPABILITY = (8, 0)  # Ampere, the first with TF32

# The CPU flags that show that a dtype is computed in hardware (one is enough), and their names in
# the vendors' manuals. The outer key is a flag that every 64-bit CPU of the architecture has.
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


def pin_arithmetic() -> None:
    """Use IEEE float32, and float32 accumulation for half precision, whatever the defaults are."""
    torch.backends.fp32_precision = "ieee"  # type: ignore[attr-defined]  # missing in torch's stubs
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False


def torch_dtype(name: str) -> torch.dtype:
    """Return the torch dtype of a name such as float32 or tf32. Raises BadInputError."""
    if name not in DTYPE_BYTES:
        known = ", ".join(DTYPE_BYTES)
        raise BadInputError(f"unknown dtype {name!r}: use one of {known}")
    dtype = getattr(torch, storage_dtype(name))
    assert isinstance(dtype, torch.dtype)  # noqa: S101  narrows getattr's Any
    return dtype


def default_dtypes(device: DeviceInfo) -> tuple[str, ...]:
    """Return the dtypes that a GPU computes in hardware; for a CPU, always the same four."""
    if device.kind == "cpu":
        return ("float64", "float32", "bfloat16", "float16")
    if dtype_problem("tf32", device):  # TF32 and bfloat16 came with the same architecture
        return ("float64", "float32", "float16")
    return ("float64", "float32", "tf32", "bfloat16", "float16")


def emulation(dtype: str, flags: Collection[str]) -> str | None:
    """Return why a CPU with these flags emulates the dtype; None if it does not, or if unknown.

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
    """Return the dtypes that the device emulates, with the reason for each."""
    if device.kind != "cpu":
        return {}
    flags = read_processor().flags
    reasons = {dtype: emulation(dtype, flags) for dtype in dtypes}
    return {dtype: reason for dtype, reason in reasons.items() if reason}


def benchmarked_dtypes(device: DeviceInfo) -> tuple[str, ...]:
    """Return the dtypes that are timed by default, without float16 on a CPU that emulates it.

    On such a CPU, a float16 matmul takes over twenty times as long as a float32 one (AMD Zen 4,
    torch 2.13).
    """
    dtypes = default_dtypes(device)
    emulated = emulations(device, dtypes)
    return tuple(dtype for dtype in dtypes if dtype != "float16" or dtype not in emulated)


def dtype_problem(dtype: str, device: DeviceInfo) -> str | None:
    """Return why this device does not support a dtype, or None. Only tf32 may be unsupported."""
    if dtype != "tf32":
        return None
    if device.kind == "cpu":
        return "TF32 is not supported by CPUs"
    if device.capability and parse_capability(device.capability) < TF32_CAPABILITY:
        return f"TF32 is not supported by compute capability {device.capability}: it needs 8.0"
    return None


def set_tf32(enabled: bool) -> None:
    """Set whether CUDA's float32 matmuls and convolutions round their inputs to TF32.

    TF32 is off by default here; in PyTorch it is on by default for convolutions.
    """
    precision = "tf32" if enabled else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision  # type: ignore[attr-defined]  # missing in stubs


@contextmanager
def matmul_precision(dtype: str) -> Iterator[None]:
    """Round the inputs of float32 matmuls to TF32 inside the block if `dtype` is tf32."""
    set_tf32(dtype == "tf32")
    try:
        yield
    finally:
        set_tf32(False)
