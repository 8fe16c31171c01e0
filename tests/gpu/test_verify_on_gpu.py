"""Every check passes on a GPU, and a float32 that is really TF32 is found."""

import pytest
import torch

from workload.hardware import devices, precision
from workload.verify import matmul, verify
from workload.verify.case import VerifyCase


@pytest.mark.parametrize("seed", range(3))
def test_every_check_passes_on_the_gpu(seed: int) -> None:
    wrong = [check for check in verify(devices.resolve("cuda"), seed=seed) if not check.ok]
    assert wrong == []


def test_float32_products_computed_in_tf32_are_found() -> None:
    device = devices.resolve("cuda")
    has_tf32 = torch.cuda.get_device_capability(0) >= (8, 0)
    precision.set_tf32(True)
    try:
        wrong = {
            check.name for check in matmul.checks(VerifyCase(device, "float32", 0)) if not check.ok
        }
    finally:
        precision.set_tf32(False)
    # Before Ampere the request has no effect, and nothing is wrong.
    assert wrong >= {"matmul, matrices", "matmul, tensors"} if has_tf32 else not wrong
