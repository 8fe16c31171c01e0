"""Small real work on one device, of whole numbers, so that every element has one right value.

What is covered: PyTorch's own kernels, the library of products (cuBLAS on a GPU) and the
library of convolutions (cuDNN). What is not: sizes that fill the card, see `workload verify`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workload.core.errors import first_line

SIZE = 64  # edge of the matrices
CONVOLUTION = (2, 8, 32, 3)  # images, channels in and out, edge, edge of the kernel
# What may separate an element from its whole number: cuDNN may take an algorithm that goes
# through fractions (Winograd, FFT); every other result is exact.
SLACK = {"convolution": 0.4}


@dataclass(frozen=True)
class KernelRun:
    """How many elements of a result differ from the right whole numbers; None if none came."""

    operation: str  # "kernel", "product", "convolution", "copy", "all-reduce"
    device: str
    elements: int
    wrong: int | None
    error: str | None


def run_kernels(device: str) -> tuple[KernelRun, ...]:
    """A product on the CPU; a kernel, a product and a convolution on a GPU. Never raises."""
    operations = {"kernel": _kernel, "product": _product, "convolution": _convolution}
    names = ("product",) if device == "cpu" else tuple(operations)
    return tuple(run(name, device, operations[name]) for name in names)


def run(operation: str, device: str, compute: Callable[[str], tuple[Any, Any]]) -> KernelRun:
    """Count the wrong elements of what `compute` found against what it expects, both tensors."""
    try:
        found, expected = compute(device)
        wrong = count_wrong(found, expected, SLACK.get(operation, 0.0))
    except Exception as error:  # drivers and libraries raise anything
        return KernelRun(operation, device, 0, None, first_line(error))
    return KernelRun(operation, device, expected.numel(), wrong, None)


def count_wrong(found: Any, expected: Any, slack: float = 0.0) -> int:
    """Elements further than `slack` from the right number; one that is no number is wrong."""
    right = (found.cpu().double() - expected.double()).abs() <= slack
    return int((~right).sum().item())


def _whole_numbers(*shape: int) -> Any:
    """0 to 6 over and over, int64 on the CPU: exact in every format, TF32 included."""
    import torch  # noqa: PLC0415  seconds long: only who asks waits

    count = 1
    for edge in shape:
        count *= edge
    return torch.arange(count).remainder(7).view(shape)


def _kernel(device: str) -> tuple[Any, Any]:
    """Elementwise, by PyTorch's own kernels."""
    numbers = _whole_numbers(SIZE, SIZE)
    return numbers.to(device).float() * 3 + 1, numbers * 3 + 1


def _product(device: str) -> tuple[Any, Any]:
    """(64, 64) times its transpose: sums under 2**24, the same in any order of summation."""
    numbers = _whole_numbers(SIZE, SIZE)
    matrix = numbers.float().to(device)
    return matrix @ matrix.T, numbers @ numbers.T  # int64 products use no library


def _convolution(device: str) -> tuple[Any, Any]:
    from torch.nn.functional import conv2d  # noqa: PLC0415  as above

    images, channels, edge, kernel = CONVOLUTION
    x = _whole_numbers(images, channels, edge, edge)
    w = _whole_numbers(channels, channels, kernel, kernel)
    return conv2d(x.float().to(device), w.float().to(device)), conv2d(x, w)
