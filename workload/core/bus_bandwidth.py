"""Bandwidth of collective operations, as nccl-tests defines it.

An operation on S bytes that takes t seconds has the algorithm bandwidth S / t. Its bus bandwidth
is the algorithm bandwidth times a factor that depends on the operation and on the number of ranks
n. The bus bandwidth can be compared with the rate of the slowest link for any n:

    all-reduce      2 (n - 1) / n   each element leaves and enters a rank once for the sum and once
                                    for the result; n ranks share the work
    reduce-scatter  (n - 1) / n     S is the whole array, n times what a rank keeps
    all-gather      (n - 1) / n     S is the whole array, n times what a rank contributes
    all-to-all      (n - 1) / n     S is what one rank sends to all ranks, itself included
    broadcast       1               the root sends S
    send-receive    1               each rank sends S and receives S at the same time

Source: NVIDIA/nccl-tests, doc/PERFORMANCE.md, "Bandwidth", and src/alltoall.cu, src/sendrecv.cu.

Known difference: by default, nccl-tests uses the mean time of the ranks; this project uses the time
of the slowest rank. Not covered: reductions in the switch (NVLink SHARP). They move less data, so
the bus bandwidth can exceed the link's rate.
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
    """Return the bus bandwidth in GB/s of an operation with the given algorithm bandwidth.

    Return None if `algorithm_gbs` is None or `operation` is not in FACTORS.

    >>> bus_bandwidth("all-reduce", 4, 100.0)
    150.0
    """
    factor = FACTORS.get(operation)
    return None if factor is None or algorithm_gbs is None else factor(ranks) * algorithm_gbs
