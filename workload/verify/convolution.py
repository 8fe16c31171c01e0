"""Check a 2-D convolution and its three gradients; on CUDA, cuDNN computes them.

With stride 2, cuDNN uses algorithms that sum products (Winograd and FFT need stride 1), so
`tolerances.convolution_tolerance` applies. Its k is the number of products summed for one element.
The reference unfolds the image into columns and multiplies, without torch's convolutions.

For gradients in half precision, a device may add partial sums in the dtype of the output: a CPU
adds the sums of different images and those of overlapping patches in float16. The error of each
rounded partial sum has a standard deviation of u/2, relative to a typical element. The standard
deviation of a few partial sums together is about u, so lambda times u is allowed.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from workload.core.errors import UnfitError
from workload.core.models.verify import VerifyResult
from workload.core.tolerances import LAMBDA, convolution_tolerance, unit_roundoff
from workload.verify import bounded
from workload.verify.bounded import Bounded, exact, multiply_and_sum, sum_of_products
from workload.verify.case import VerifyCase

IMAGES, CHANNELS, FILTERS, EDGE = 4, 8, 12, 15
KERNEL, STRIDE, PADDING = 3, 2, 1
OUT_EDGE = (EDGE + 2 * PADDING - KERNEL) // STRIDE + 1
OVERLAP = 4  # patches that share a pixel: ceil(KERNEL / STRIDE) squared


def checks(case: VerifyCase) -> Iterator[VerifyResult]:
    """Check the output, then the gradients of the input, the weight and the bias."""
    if case.device.kind == "cuda":
        _require_cudnn()
    x = case.draw(IMAGES, CHANNELS, EDGE, EDGE)
    weight, bias = case.draw(FILTERS, CHANNELS, KERNEL, KERNEL), case.draw(FILTERS)
    upstream = case.draw(IMAGES, FILTERS, OUT_EDGE, OUT_EDGE)
    on_device = [case.place(tensor).requires_grad_() for tensor in (x, weight, bias)]
    output = convolve(*on_device)
    gradients = torch.autograd.grad(output, on_device, case.place(upstream))
    tolerance = convolution_tolerance(
        case.dtype, math.prod(weight.shape[1:]), case.device.kind, case.device.architecture
    )
    yield case.judge("convolution", output, expected_output(x, weight, bias, case.dtype, tolerance))
    expected = expected_gradients(x, weight, upstream, case.dtype)
    for name, gradient, by_hand in zip(
        ("input", "weight", "bias"), gradients, expected, strict=True
    ):
        yield case.judge(f"convolution, gradient of {name}", gradient, by_hand)


def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve with torch.nn.functional.conv2d."""
    return functional.conv2d(x, weight, bias, stride=STRIDE, padding=PADDING)


def expected_output(
    x: Tensor, weight: Tensor, bias: Tensor, dtype: str, tolerance: tuple[float, float]
) -> Bounded:
    """Compute the output: each filter times each column, plus the bias of the filter.

    The shape is (images, filters, out, out). `tolerance` applies to the sums of products. A device
    may round these sums before it adds the bias in a second operation.
    """
    columns = exact(_columns(x))
    filters = exact(weight.flatten(1))
    terms = filters.value.shape[-1]
    sums = sum_of_products(filters, columns, dtype, terms, multiply_and_sum, tolerance=tolerance)
    products = sums.map(lambda elements: elements.reshape(len(x), len(weight), OUT_EDGE, OUT_EDGE))
    return bounded.add(products, exact(bias[:, None, None].expand_as(products.value)), dtype)


def expected_gradients(
    x: Tensor, weight: Tensor, upstream: Tensor, dtype: str
) -> tuple[Bounded, Bounded, Bounded]:
    """Compute the gradients of input, weight and bias from `upstream`, the output's gradient.

    Each gradient is bilinear:

    - input: filters times upstream, folded back into images;
    - weight: upstream times columns, summed over images;
    - bias: upstream times one.
    """
    gradient_rows = exact(upstream.flatten(2).transpose(0, 1).flatten(1))
    columns = exact(_columns(x).transpose(1, 2).flatten(0, 1))
    ones = exact(torch.ones(gradient_rows.value.shape[1], 1, dtype=torch.float64))
    terms = gradient_rows.value.shape[1]
    of_input = sum_of_products(
        exact(weight.flatten(1).t()), exact(upstream.flatten(2)), dtype, OVERLAP * FILTERS, _fold
    )
    of_weight = sum_of_products(gradient_rows, columns, dtype, terms, multiply_and_sum)
    of_bias = sum_of_products(gradient_rows, ones, dtype, terms, multiply_and_sum)
    return (
        _with_partial_sums(of_input, dtype),
        _with_partial_sums(of_weight.map(lambda elements: elements.reshape(weight.shape)), dtype),
        _with_partial_sums(of_bias.map(Tensor.flatten), dtype),
    )


def _columns(x: Tensor) -> Tensor:
    """Unfold `x` to (images, channels·kernel², out²): a column of inputs per output position."""
    return functional.unfold(x, KERNEL, padding=PADDING, stride=STRIDE)


def _fold(filters: Tensor, upstream: Tensor) -> Tensor:
    return functional.fold(
        multiply_and_sum(filters, upstream), (EDGE, EDGE), KERNEL, padding=PADDING, stride=STRIDE
    )


def _with_partial_sums(gradient: Bounded, dtype: str) -> Bounded:
    if dtype not in ("bfloat16", "float16"):
        return gradient
    deviation = unit_roundoff(dtype) * gradient.value.square().mean().sqrt()
    return Bounded(
        gradient.value, gradient.error + LAMBDA * deviation, gradient.deviation + deviation
    )


def _require_cudnn() -> None:
    found = torch.backends.cudnn.is_available()
    if not (found and torch.backends.cudnn.enabled):
        raise UnfitError("cuDNN is missing or disabled: run `workload doctor --device cuda`")
