"""Five ways to do the chapter's training steps, and which one is used.

    eager    the chapter's loop, word for word
    fused    gradients by hand, updates folded into the products
    graph    the fused step as a CUDA graph, several steps a replay
    compile  the fused mathematics through torch.compile
    dual     the same losses through the Gram matrix of the batch, in float64

`auto` is the fastest of those that do the seed's arithmetic. Each is checked against float64
before it is used. They start from the same data and leave the same weights, up to rounding.
"""

from workload.train.modes.choice import MODES, choose

__all__ = ["MODES", "choose"]
