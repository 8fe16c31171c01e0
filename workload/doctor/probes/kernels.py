"""Run small kernels on one device. Their inputs are integers, so their exact results are known.

Covers PyTorch's own kernels, matmuls (cuBLAS on a GPU) and convolutions (cuDNN). `workload verify`
covers large sizes.
"""

import math
from collections.abc import Callable
from typing import Any

from workload.core.errors import first_line
from workload.core.models.pytorch import KernelRun

SIZE = 64  # edge of the matrices
CONVOLUTION = (2, 8, 32, 3)  # images, channels in and out, image edge, kernel edge
# Tolerance by operation. For a convolution, cuDNN may use an algorithm with fractions (Winograd,
# FFT). All other results are exact.
SLACK = {"convolution": 0.4}


def run_kernels(device: str) -> tuple[KernelRun, ...]:
    """Run a matmul on the CPU, or a kernel, a matmul and a convolution on a GPU. Never raises."""
    operations = {"kernel": _kernel, "matmul": _matmul, "convolution": _convolution}
    names = ("matmul",) if device == "cpu" else tuple(operations)
    return tuple(run(name, device, operations[name]) for name in names)


def run(operation: str, device: str, compute: Callable[[str], tuple[Any, Any]]) -> KernelRun:
    """Call `compute`, which returns a result and the expected one, and count the mismatches."""
    try:
        found, expected = compute(device)
        wrong = count_wrong(found, expected, SLACK.get(operation, 0.0))
    except Exception as error:  # drivers and libraries may raise any exception
        return KernelRun(operation, device, 0, None, first_line(error))
    return KernelRun(operation, device, expected.numel(), wrong, None)


def count_wrong(found: Any, expected: Any, slack: float = 0.0) -> int:
    """Count the elements that differ by more than `slack` or are NaN."""
    correct = (found.cpu().double() - expected.double()).abs() <= slack
    return int((~correct).sum().item())


def _whole_numbers(*shape: int) -> Any:
    """Return an int64 CPU tensor that repeats 0 to 6, which are exact in every dtype, even TF32."""
    import torch  # noqa: PLC0415  takes seconds

    return torch.arange(math.prod(shape)).remainder(7).view(shape)


def _kernel(device: str) -> tuple[Any, Any]:
    """Compute 3x + 1 for each element, with PyTorch's own kernels."""
    numbers = _whole_numbers(SIZE, SIZE)
    return numbers.to(device).float() * 3 + 1, numbers * 3 + 1


def _matmul(device: str) -> tuple[Any, Any]:
    """Multiply a matrix by its transpose. Sums below 2**24 are exact in any order of summation."""
    numbers = _whole_numbers(SIZE, SIZE)
    matrix = numbers.float().to(device)
    return matrix @ matrix.T, numbers @ numbers.T  # int64 matmuls use no library


def _convolution(device: str) -> tuple[Any, Any]:
    from torch.nn.functional import conv2d  # noqa: PLC0415  as above

    images, channels, edge, kernel = CONVOLUTION
    x = _whole_numbers(images, channels, edge, edge)
    w = _whole_numbers(channels, channels, kernel, kernel)
    return conv2d(x.float().to(device), w.float().to(device)), conv2d(x, w)
