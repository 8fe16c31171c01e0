"""What is benchmarked: each operation knows its work, its memory, and what its result must be."""

from workload.bench.operations.operation import Operation, Prepared

__all__ = ["Operation", "Prepared"]
