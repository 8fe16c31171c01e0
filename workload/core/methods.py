"""Names of the timing methods and of the cache states."""

# How a call was timed.
HOST_CLOCK = "host clock"
CUDA_EVENTS = "CUDA events"
CUDA_GRAPH = "CUDA graph"  # CUDA events around a graph replay, without launches by the host

# The state of the caches at each call.
WARM = "warm"  # each call uses the same buffers
COLD = "cold"  # before each call, a buffer of twice the size of the last-level cache was written
