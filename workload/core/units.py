"""Numbers as people read them, and the sizes of dtypes."""

# Bytes an element occupies; tf32 is float32 in memory, with shorter products.
DTYPE_BYTES = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}


def storage_dtype(name: str) -> str:
    """The dtype that elements are stored in: tf32 is float32 whose products round their inputs."""
    return "float32" if name == "tf32" else name


def format_bytes(count: int) -> str:
    """Decimal units, as disks and datasheets count.

    >>> format_bytes(10_800_000_000)
    '10.8 GB'
    """
    if count < 1000:  # noqa: PLR2004  the decimal prefixes start here
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:  # noqa: PLR2004  1000 after rounding
            return f"{value:.3g} {unit}"
    return f"{value / 1000:.3g} TB"


def format_seconds(seconds: float) -> str:
    """A duration in the unit that suits it, three significant digits at most.

    >>> format_seconds(0.0000321), format_seconds(0.9996), format_seconds(68)
    ('32.1 µs', '1 s', '68 s')
    """
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 999.5:  # noqa: PLR2004  1000 after rounding
            return f"{seconds * factor:.3g} {unit}"
    if seconds < 120:  # noqa: PLR2004  two minutes still read well in seconds
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"  # noqa: PLR2004


def format_rate(gflops: float) -> str:
    """GFLOP/s: whole numbers from 1000 on, three significant digits below.

    >>> format_rate(798123.0), format_rate(0.2534)
    ('798123', '0.253')
    """
    if gflops >= 1000:  # noqa: PLR2004  three digits are reached
        return f"{gflops:.0f}"
    return f"{gflops:.3g}"


def printable(text: str) -> str:
    """`text` in one line without control characters: names from files may carry escapes."""
    return "".join(mark if mark.isprintable() else "?" for mark in text)
