"""Parsers of option values: each takes one word, or raises with a one-line reason."""

import argparse
import math
import re
from pathlib import Path

from workload.cli.options import ALL
from workload.core.shape import Shape
from workload.core.units import DTYPE_BYTES

MAX_SIZE = 2**31 - 1  # BLAS counts in 32-bit integers
MAX_RANKS = 256  # processes of one machine, and machines
_DEVICE = r"auto|cpu|cuda(:[0-9]{1,4})?"
MAX_BYTES = 1 << 34  # of one array that ranks send
BYTE_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30}
MAX_SEED = 2**63 - 1
MAX_TIMEOUT_SEC = 86_400
DTYPE_NAMES = ", ".join(DTYPE_BYTES)


def path(text: str) -> Path:
    """Parse a path; an empty one would mean the current folder."""
    if text:
        return Path(text)
    raise argparse.ArgumentTypeError("an empty path: choose a file or a folder")


def device(text: str) -> str:
    """Parse auto, cpu, cuda or cuda:N."""
    if re.fullmatch(_DEVICE, text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not a device: use auto, cpu, cuda or cuda:N")


def devices(text: str) -> str:
    """Parse a device, or all."""
    if text == ALL or re.fullmatch(_DEVICE, text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a device: use auto, cpu, cuda, cuda:N or all"
    )


def ranks(text: str) -> int:
    """Parse a number of processes or nodes, from 1 to MAX_RANKS."""
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= MAX_RANKS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_RANKS}")


def count(text: str) -> int:
    """Parse a whole number from 0 to MAX_RANKS."""
    if re.fullmatch(r"[0-9]{1,4}", text) and int(text) <= MAX_RANKS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MAX_RANKS}")


def address(text: str) -> str:
    """Parse HOST:PORT."""
    match = re.fullmatch(r"[A-Za-z0-9.-]{1,253}:([0-9]{1,5})", text)
    if match and 0 < int(match[1]) < 1 << 16:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not an address: use HOST:PORT")


def size(text: str) -> int:
    """Parse a whole number from 1 to MAX_SIZE."""
    if re.fullmatch(r"[0-9]{1,15}", text) and 1 <= int(text) <= MAX_SIZE:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_SIZE}")


def seed(text: str) -> int:
    """Parse a whole number from 0 to MAX_SEED."""
    if re.fullmatch(r"[0-9]{1,19}", text) and int(text) <= MAX_SEED:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MAX_SEED}")


def positive(text: str) -> float:
    """Parse a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value > 0:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")


def timeout(text: str) -> float:
    """Parse seconds: above 0, at most a day."""
    if positive(text) <= MAX_TIMEOUT_SEC:
        return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is more than {MAX_TIMEOUT_SEC} seconds")


def share(text: str) -> float:
    """Parse a part of a whole, as `5%` or `0.05`: above 0, below 1."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)(%?)", text)
    value = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if 0 < value < 1:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a share: use 5% or 0.05")


def shapes(text: str) -> list[Shape]:
    """Parse sizes separated by commas, each `4096` or `MxKxN`."""
    return [_shape(word) for word in _words(text)]


def _shape(text: str) -> Shape:
    words = text.split("x")
    edges = [] if "" in words else [size(edge) for edge in words]
    if len(edges) == 1:
        edges *= 3
    if len(edges) != 3:  # noqa: PLR2004  m, k and n
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: use 4096 or MxKxN")
    return Shape(*edges)


def byte_sizes(text: str) -> list[int]:
    """Parse numbers of bytes separated by commas, such as `8`, `64K` or `16M`."""
    return [_bytes(word) for word in _words(text)]


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,12})([KMG]?)", text)
    value = int(match[1]) << BYTE_SHIFTS[match[2]] if match else 0
    if 1 <= value <= MAX_BYTES:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a size: use bytes, or 64K, 16M, 1G")


def sent_dtypes(text: str) -> list[str]:
    """Parse names of dtypes that are sent: tf32 is float32 in memory."""
    found = dtypes(text)
    if "tf32" in found:
        raise argparse.ArgumentTypeError("tf32 is sent as float32: use float32")
    return found


def dtype(text: str) -> str:
    """Parse the name of a dtype."""
    if text in DTYPE_BYTES:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not a dtype: use one of {DTYPE_NAMES}")


def dtypes(text: str) -> list[str]:
    """Parse names of dtypes separated by commas."""
    return [dtype(word) for word in _words(text)]


def _words(text: str) -> list[str]:
    words = text.split(",")
    if "" in words:
        raise argparse.ArgumentTypeError(f"{text!r} has an empty item: remove the extra comma")
    return words
