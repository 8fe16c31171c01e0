"""Names of the timing methods and of the cache states."""

# How a call was timed.
HOST_CLOCK = "host clock"
CUDA_EVENTS = "CUDA events"
CUDA_GRAPH = "CUDA graph"  # events around a replayed graph, without launches by the host

# In which state the caches were.
WARM = "warm"  # the same buffers at each call
COLD = "cold"  # a buffer of twice the last-level cache was written before each call
