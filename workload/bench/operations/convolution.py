"""Convolutions, which measure cuDNN on a GPU and oneDNN on a CPU."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from workload.bench import result_check
from workload.bench.operations import SEED, Prepared, normal
from workload.bench.timing import BY_DEVICE, TimingConfig
from workload.core.models.case import Kind
from workload.core.models.device import DeviceInfo
from workload.core.tolerances import convolution_tolerance, half_subnormal
from workload.core.units import DTYPE_BYTES
from workload.hardware import precision

KERNEL = 3
# As between the stages of a ResNet. Winograd and FFT convolutions have larger errors by design, and
# need stride 1. With stride 2, every library does as many multiplications as `flops` counts.
STRIDE = 2
PADDING = 1
SAMPLED_FILTERS = 4
# Images, input channels, edge, output channels.
DEFAULT_SHAPES = {"cpu": ((16, 64, 56, 128),), "cuda": ((128, 128, 56, 256),)}


@dataclass(frozen=True)
class Convolution:
    """A padded convolution with stride 2.

    It has `images` images (channels, edge, edge) and `filters` filters (channels, 3, 3).
    """

    images: int
    channels: int
    edge: int
    filters: int
    dtype: str
    timing_config: TimingConfig = BY_DEVICE

    kind: ClassVar[Kind] = Kind.CONVOLUTION

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Return (images, channels, edge, filters)."""
        return self.images, self.channels, self.edge, self.filters

    @property
    def out_edge(self) -> int:
        """Return the edge of the result."""
        return (self.edge + 2 * PADDING - KERNEL) // STRIDE + 1

    @property
    def flops(self) -> int:
        """Count a multiply and an add for each filter element at each output element."""
        return 2 * self._out_elements * self.channels * KERNEL**2

    @property
    def bytes(self) -> int:
        """Count the bytes of the images, the filters and the result."""
        inputs = self.images * self.channels * self.edge**2
        weights = self.filters * self.channels * KERNEL**2
        return DTYPE_BYTES[self.dtype] * (inputs + weights + self._out_elements)

    @property
    def _out_elements(self) -> int:
        return self.images * self.filters * self.out_edge**2

    def clipped(self, edge: int) -> "Convolution":
        """Return the same convolution with fewer images."""
        return replace(self, images=max(1, min(self.images, edge // 32)))

    def needed_bytes(self, _device: DeviceInfo) -> int:
        """Return the bytes needed for the tensors, the library's unfolded images and the check."""
        unfolded = self.images * self.channels * self.out_edge**2 * KERNEL**2
        check = 8 * 4 * (self.images * self.channels * self.edge**2 + self._out_elements)
        results = DTYPE_BYTES[self.dtype] * self._out_elements  # a second, for `error_share`
        return self.bytes + results + DTYPE_BYTES[self.dtype] * unfolded + check

    def not_applicable(self, device: DeviceInfo) -> str | None:
        """Return why the device does not support the dtype, or None.

        Only TF32 may be unsupported.
        """
        return precision.dtype_problem(self.dtype, device)

    def prepare(self, device: DeviceInfo) -> Prepared:
        """Draw random images and filters; each call allocates its result."""
        images = normal((self.images, self.channels, self.edge, self.edge), self.dtype, device)
        filter_shape = (self.filters, self.channels, KERNEL, KERNEL)
        filters = normal(filter_shape, self.dtype, device, SEED + 1)

        def call() -> Tensor:
            return functional.conv2d(images, filters, stride=STRIDE, padding=PADDING)

        return Prepared(
            call=call,
            inputs=(images, filters),
            output=call(),
            error_share=lambda: error_share(images, filters, call(), self.dtype, device),
        )


def error_share(
    images: Tensor, filters: Tensor, result: Tensor, dtype: str, device: DeviceInfo
) -> float | None:
    """Return the largest error of `result` as a share of its tolerance; None if it is not finite.

    As in `result_check`, the results of some filters are compared element by element, and all
    results at once by Freivalds' projection: the result, summed over the filters with random signs,
    must equal the convolution with the filters summed in the same way. That convolution takes
    1 / filters of the work. The reference is computed in float64 on the CPU.
    """
    x, w, y = (tensor.detach().cpu().double() for tensor in (images, filters, result))
    if not bool(torch.isfinite(y).all()):
        return None
    terms = math.prod(w.shape[1:])
    u_out, kappa = convolution_tolerance(dtype, terms, device.kind, device.architecture)
    patch_norm = _convolve(x.square(), torch.ones_like(w[:1])).sqrt()

    def share(found: Tensor, exact: Tensor, size: Tensor, norm: Tensor, factor: float) -> float:
        allowed = u_out * size + kappa * patch_norm * norm + half_subnormal(dtype) * factor
        return float(((found - exact).abs() / (factor * allowed)).max())

    some = torch.linspace(0, len(w) - 1, min(len(w), SAMPLED_FILTERS)).long()
    exact = _convolve(x, w[some])
    norms = w[some].flatten(1).norm(dim=1)[:, None, None]
    sampled = share(y[:, some], exact, exact.abs(), norms, 1.0)
    signs = result_check.signs(0, len(w))
    expected = _convolve(x, torch.einsum("f,fchw->chw", signs, w)[None])
    summed = torch.einsum("f,nfhw->nhw", signs, y)[:, None]
    spread = y.square().sum(dim=1, keepdim=True).sqrt()
    return max(sampled, share(summed, expected, spread, w.norm(), result_check.PROJECTION_SIGMAS))


def _convolve(images: Tensor, filters: Tensor) -> Tensor:
    return functional.conv2d(images, filters, stride=STRIDE, padding=PADDING)


def default_convolutions(device: DeviceInfo) -> list[Convolution]:
    """Return the default convolutions, in the dtypes that neural networks use."""
    dtypes = ("float32", "bfloat16") if device.kind == "cpu" else ("float32", "tf32", "float16")
    return [Convolution(*shape, dtype) for shape in DEFAULT_SHAPES[device.kind] for dtype in dtypes]
