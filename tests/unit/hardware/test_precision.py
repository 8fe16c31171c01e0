"""float32 is IEEE float32, unless TF32 is asked for."""

import torch

from workload.hardware import devices, precision


def test_float32_arithmetic_is_pinned_to_ieee() -> None:
    devices.resolve("cpu")
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"  # type: ignore[attr-defined]  # missing in stubs


def test_products_and_convolutions_are_rounded_to_tf32_only_when_asked() -> None:
    backends = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]  # missing in stubs
    precision.set_tf32(True)
    assert [backend.fp32_precision for backend in backends] == ["tf32", "tf32"]
    precision.set_tf32(False)
    assert [backend.fp32_precision for backend in backends] == ["ieee", "ieee"]
