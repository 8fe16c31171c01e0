"""Bandwidth of collective operations, as nccl-tests defines it. Pure.

An operation on S bytes takes t seconds. Its algorithm bandwidth is S / t. Its bus bandwidth is
that times a factor of the operation and of the number of ranks, so that it can be compared with
the rate of the slowest link whatever that number is:

    all-reduce      2 (n - 1) / n   each element leaves and enters a rank once for the sum and once
                                    for the result, n ranks share the work
    reduce-scatter  (n - 1) / n     S is the whole array, n times what a rank keeps
    all-gather      (n - 1) / n     S is the whole array, n times what a rank gives
    all-to-all      (n - 1) / n     S is what one rank gives to all, itself included
    broadcast       1               the root sends S
    send-receive    1               S each way at the same time

Source: NVIDIA/nccl-tests, doc/PERFORMANCE.md, "Bandwidth", and src/alltoall.cu, src/sendrecv.cu.

Known difference: nccl-tests takes the mean time of the ranks by default, here it is the slowest
rank's. Not covered: sums in the switch (NVLink SHARP), which move less, so that a bus bandwidth
above the link's rate is possible.
"""

from collections.abc import Callable, Mapping

FACTORS: Mapping[str, Callable[[int], float]] = {
    "all-reduce": lambda ranks: 2 * (ranks - 1) / ranks,
    "reduce-scatter": lambda ranks: (ranks - 1) / ranks,
    "all-gather": lambda ranks: (ranks - 1) / ranks,
    "all-to-all": lambda ranks: (ranks - 1) / ranks,
    "broadcast": lambda _ranks: 1.0,
    "send-receive": lambda _ranks: 1.0,
}


def bus_bandwidth(operation: str, ranks: int, algorithm_gbs: float | None) -> float | None:
    """Return GB/s of the bus for GB/s of the algorithm; None for another operation.

    >>> bus_bandwidth("all-reduce", 4, 100.0)
    150.0
    """
    factor = FACTORS.get(operation)
    return None if factor is None or algorithm_gbs is None else factor(ranks) * algorithm_gbs
