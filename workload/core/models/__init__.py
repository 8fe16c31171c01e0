"""The models of a record: msgspec structs that read it, validate it and generate its schema.

Times are in seconds, sizes in bytes, rates in GFLOP/s (1e9 floating-point operations per second)
and GB/s (1e9 bytes per second). An unknown value is `None`, never a guess. Raw samples stay in the
record.
"""
