"""The dtypes of a device, and how precisely it computes in them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from workload.core.errors import BadInputError
from workload.core.models.device import DeviceInfo
from workload.core.units import DTYPE_BYTES, storage_dtype
from workload.hardware.cuda_support import parse_capability

TF32_CAPABILITY = (8, 0)  # Ampere, the first with TF32


def pin_arithmetic() -> None:
    """Use IEEE float32, and sums in float32 for half precision, whatever the library prefers."""
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
    """Return the dtypes that a GPU computes in hardware; for any CPU the same four."""
    if device.kind == "cpu":
        return ("float64", "float32", "bfloat16", "float16")
    if dtype_problem("tf32", device):  # TF32 and bfloat16 came together
        return ("float64", "float32", "float16")
    return ("float64", "float32", "tf32", "bfloat16", "float16")


def dtype_problem(dtype: str, device: DeviceInfo) -> str | None:
    """Say why this device does not support a dtype; None if it does, as any but tf32."""
    if dtype != "tf32":
        return None
    if device.kind == "cpu":
        return "TF32 is not supported by CPUs"
    if device.capability and parse_capability(device.capability) < TF32_CAPABILITY:
        return f"TF32 is not supported by compute capability {device.capability}: it needs 8.0"
    return None


def set_tf32(enabled: bool) -> None:
    """Let CUDA's float32 matmuls and convolutions round their inputs to TF32, or not.

    Off by default here; PyTorch's own default for convolutions is on.
    """
    precision = "tf32" if enabled else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision  # type: ignore[attr-defined]  # missing in stubs


@contextmanager
def matmul_precision(dtype: str) -> Iterator[None]:
    """Round the inputs of float32 matmuls to TF32 inside the block, if that is the dtype."""
    set_tf32(dtype == "tf32")
    try:
        yield
    finally:
        set_tf32(False)
