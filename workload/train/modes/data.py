"""The data every mode starts from: seeded numbers, the same on every device."""

import torch
from torch import Tensor

from workload.core.train_spec import TrainSpec

Data = tuple[Tensor, Tensor, Tensor, Tensor]  # x, y, w1 and w2, of the shapes that `draw` gives


def draw(spec: TrainSpec, dtype: torch.dtype) -> Data:
    """Draw x, y, w1 and w2 in that order from one seeded generator on the CPU.

    Shapes (batch, input), (batch, output), (input, hidden), (hidden, output). The
    CPU draws for every device, so that all start from the same numbers.
    """
    generator = torch.Generator().manual_seed(spec.seed)
    x, y, w1, w2 = (
        torch.randn(shape, generator=generator, dtype=dtype)
        for shape in (
            (spec.batch_size, spec.input_size),
            (spec.batch_size, spec.output_size),
            spec.w1_shape,
            spec.w2_shape,
        )
    )
    return x, y, w1, w2
