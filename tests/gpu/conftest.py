"""GPU tests are skipped on the CPU target only; on the GPU target a missing GPU fails them."""

import pytest


@pytest.fixture(autouse=True)
def gpu(target: str) -> None:
    """Insist on a working GPU where the target is gpu."""
    if target != "gpu":
        pytest.skip("runs on the GPU target only: make gpu-test")
    import torch  # noqa: PLC0415  heavy, and the CPU target's skips do not need it

    if not torch.cuda.is_available():
        pytest.fail("the target is gpu and PyTorch sees no GPU: see workload doctor", pytrace=False)
