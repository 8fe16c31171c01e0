"""What is benchmarked: each operation counts its work and memory, and checks its result."""

from workload.bench.operations.operation import Operation, Prepared

__all__ = ["Operation", "Prepared"]
