"""Check the results of a device against float64 on the CPU.

Covered, on inputs from a normal distribution:

- `+ - * /` and torch.add, sub, mul and div on a scalar, a vector, a matrix and a tensor;
- torch.matmul on vectors, matrices and batches, and its difference from the element-wise product;
- autograd through the loss of the example network, against the gradient derived by hand;
- a strided convolution and its three gradients (by cuDNN on CUDA);
- the loss of the example training loop, step by step.

Not covered: Python numbers as operands (PyTorch may multiply by a reciprocal); Winograd and FFT
convolutions, whose errors are larger by design and which need stride 1; training losses in tf32
and half precision (see `trajectory`); speed.

The inputs are rounded to `dtype` before the reference is computed, so this rounding does not count
as an error. The reference sums products without torch.matmul or torch's convolutions, so a fault in
these is not hidden. Each tolerance is derived where it is used; the theory is in `core.tolerances`.
"""

from collections.abc import Iterator, Sequence

from workload.core.errors import UnfitError, first_line
from workload.core.models.device import DeviceInfo
from workload.core.models.verify import VerifyResult
from workload.hardware import devices, precision
from workload.verify import arithmetic, autograd, convolution, matmul, trajectory
from workload.verify.case import VerifyCase

SEED = 0


def verify(
    device: DeviceInfo, dtypes: Sequence[str] | None = None, seed: int = SEED
) -> Iterator[VerifyResult]:
    """Run every check in every dtype, in a fixed order; yield each result as soon as it is known.

    This takes under a second on two cores. Raises BadInputError for an unknown dtype, and
    UnfitError if the device does not support tf32 or an operation fails.
    """
    for dtype in precision.default_dtypes(device) if dtypes is None else dtypes:
        problem = precision.dtype_problem(dtype, device)
        if problem:
            raise UnfitError(f"{problem}: leave tf32 out")
        yield from _checks(VerifyCase(device, dtype, seed))


def _checks(case: VerifyCase) -> Iterator[VerifyResult]:
    """Run the checks that apply to this dtype. tf32 changes only matmuls and convolutions."""
    groups = [matmul.checks, autograd.checks, convolution.checks]
    if case.dtype != "tf32":
        groups.insert(0, arithmetic.checks)
    if case.dtype in trajectory.DTYPES:
        groups.append(trajectory.checks)
    try:
        with devices.translate_cuda_errors(case.device), precision.matmul_precision(case.dtype):
            for group in groups:
                yield from group(case)
    except RuntimeError as error:
        raise UnfitError(
            f"an operation in {case.dtype} failed on {case.device.name} "
            f"({first_line(error)}): run `workload doctor`, or leave this dtype out"
        ) from error
