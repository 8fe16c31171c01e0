"""The one definition of a record: msgspec structs, which read it, check it and write its schema.

Times are seconds, sizes bytes, rates GFLOP/s (1e9 floating-point operations a second) and
GB/s (1e9 bytes a second). Unknown is `None`, never a guess. Raw samples stay in the record.
"""
