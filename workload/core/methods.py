"""How a call is timed, and the state of the caches, by name."""

# How a call was timed.
HOST_CLOCK = "host clock"
CUDA_EVENTS = "CUDA events"
CUDA_GRAPH = "CUDA graph"  # events around a replayed graph: no launch by the host is in it

# In which state the caches were.
WARM = "warm"  # the same buffers at each call
COLD = "cold"  # a buffer of twice the last cache was written before each call
