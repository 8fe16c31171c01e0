"""Five ways to do the steps of the example network, and the choice among them.

    eager    the book's loop, line for line
    fused    gradients by hand, updates folded into the matmuls
    graph    the fused step as a CUDA graph, several steps a replay
    compile  the fused step through torch.compile
    dual     the same losses through the Gram matrix of the batch, in float64

`auto` is the fastest mode with the arithmetic of `eager`. Each mode is checked against float64
before it is used. All start from the same data and leave the same weights, up to rounding.
"""

from workload.train.modes.choice import MODES, choose

__all__ = ["MODES", "choose"]
