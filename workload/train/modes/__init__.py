"""Seven ways to do the steps of the example network, and the choice among them.

    eager    the book's loop, line for line
    fused    gradients by hand, updates folded into the matmuls
    graph    the fused step as a CUDA graph, several steps per replay
    compile  the fused step through torch.compile
    dual     the same losses through the Gram matrix of the batch, in float64

On several ranks, each of which has its rows of the batch:

    all-reduce  the book's loop, with one sum of gradients per step
    ddp         the same through DistributedDataParallel

`auto` is the fastest mode with the arithmetic of `eager`. Each mode is checked against float64
before it is used. All start from the same data and leave the same weights, up to rounding.
"""

from workload.train.modes.choice import MODES, choose

__all__ = ["MODES", "choose"]
