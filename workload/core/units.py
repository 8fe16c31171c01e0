"""Functions that format numbers and lists for output, and the sizes of dtypes."""

from collections.abc import Iterable

LISTED = 6  # the maximum number of names in one line
MAX_SHOWN = 10_000  # characters of a text; texts from files may be megabytes long
# Bytes per element. tf32 is float32 in memory; matmuls and convolutions round their inputs.
DTYPE_BYTES = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}


def storage_dtype(name: str) -> str:
    """Return the dtype in which elements are stored; float32 for tf32, which only rounds inputs."""
    return "float32" if name == "tf32" else name


def format_bytes(count: int) -> str:
    """Format bytes in decimal units, as disks and datasheets do.

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
    """Format a duration in a suitable unit, with at most three significant digits.

    >>> format_seconds(0.0000321), format_seconds(0.9996), format_seconds(68)
    ('32.1 µs', '1 s', '68 s')
    """
    if not seconds:
        return "0 s"
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 999.5:  # noqa: PLR2004  1000 after rounding
            return f"{seconds * factor:.3g} {unit}"
    if seconds < 120:  # noqa: PLR2004  times up to two minutes are in seconds
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"  # noqa: PLR2004


def format_rate(gflops: float) -> str:
    """Format GFLOP/s: whole numbers from 1000 on, three significant digits below.

    >>> format_rate(798123.0), format_rate(0.2534)
    ('798123', '0.253')
    """
    if gflops >= 1000:  # noqa: PLR2004  whole numbers from here on
        return f"{gflops:.0f}"
    return f"{gflops:.3g}"


def printable(text: str) -> str:
    """Replace control characters and line ends, and truncate a long text.

    Texts from files may contain escape sequences, or be megabytes long.
    """
    shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
    return "".join(mark if mark.isprintable() else "?" for mark in shown)


def some(names: Iterable[str]) -> str:
    """Join the first few names, and append the number of the others.

    >>> some("abcdefgh")
    'a, b, c, d, e, f and 2 more'
    """
    names = list(names)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def plural(count: int, noun: str) -> str:
    """Return the count with its noun in the singular or plural.

    >>> plural(1, "run"), plural(2, "run")
    ('1 run', '2 runs')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def ranges(numbers: Iterable[int]) -> str:
    """Format numbers as ranges, as the kernel lists CPUs.

    >>> ranges([0, 1, 2, 3, 8])
    '0-3,8'
    """
    known = set(numbers)
    starts = [one for one in sorted(known) if one - 1 not in known]
    ends = [one for one in sorted(known) if one + 1 not in known]
    pairs = zip(starts, ends, strict=True)
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in pairs)
