"""A convolution that adds its products in float16, as that of Arm's Compute Library does."""

import torch
from torch import Tensor
from torch.nn import functional


def conv2d_in_float16(
    images: Tensor, filters: Tensor, bias: Tensor | None = None, stride: int = 2, padding: int = 1
) -> Tensor:
    """Convolve float16 `images` with `filters`; round the sum to float16 after each product."""
    result = functional.conv2d(images, filters, bias, stride, padding)
    columns = functional.unfold(
        images.detach().float(), filters.shape[-1], padding=padding, stride=stride
    )
    rows = filters.detach().float().flatten(1)
    total = torch.zeros(len(images), len(rows), columns.shape[-1], dtype=torch.float16)
    for term in range(rows.shape[1]):
        total = (total.float() + rows[:, term, None] * columns[:, None, term]).half()
    if bias is not None:
        total += bias.detach()[:, None]
    result.data.copy_(total.reshape(result.shape))
    return result
