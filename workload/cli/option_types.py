"""Parsers of option values. Each parses one argument or raises an error with a one-line reason."""

import argparse
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from workload.cli.options import ALL
from workload.core.shape import Shape
from workload.core.units import DTYPE_BYTES

Value = TypeVar("Value")

MAX_SIZE = 2**31 - 1  # BLAS counts in 32-bit integers
MAX_RANKS = 256  # the most processes per machine, and the most machines
_DEVICE = r"auto|cpu|cuda(:[0-9]{1,4})?"
MAX_BYTES = 1 << 34  # of one array that ranks send
BYTE_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30}
MAX_SEED = 2**63 - 1
MAX_TIMEOUT_SEC = 86_400
DTYPE_NAMES = ", ".join(DTYPE_BYTES)


def path(text: str) -> Path:
    """Parse a path. An empty one is refused: it would mean the current folder."""
    if text:
        return Path(text)
    raise argparse.ArgumentTypeError("the path is empty: choose a file or a folder")


def device(text: str, words: str = "auto, cpu, cuda or cuda:N") -> str:
    """Parse auto, cpu, cuda or cuda:N; `words` lists the choices in the error."""
    if re.fullmatch(_DEVICE, text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not a device: use {words}")


def devices(text: str) -> str:
    """Parse a device, or `all` for every GPU."""
    return text if text == ALL else device(text, "auto, cpu, cuda, cuda:N or all")


def _whole(least: int, most: int, text: str) -> int:
    """Parse a whole number of at most 19 digits, from `least` to `most`."""
    if re.fullmatch(r"[0-9]{1,19}", text) and least <= int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")


ranks = partial(_whole, 1, MAX_RANKS)  # processes or nodes
count = partial(_whole, 0, MAX_RANKS)
size = partial(_whole, 1, MAX_SIZE)
seed = partial(_whole, 0, MAX_SEED)


def address(text: str) -> str:
    """Parse HOST:PORT."""
    match = re.fullmatch(r"[A-Za-z0-9.-]{1,253}:([0-9]{1,5})", text)
    if match and 0 < int(match[1]) < 1 << 16:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not an address: use HOST:PORT")


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
    """Parse a number of seconds: above 0, at most a day."""
    if positive(text) <= MAX_TIMEOUT_SEC:
        return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is more than {MAX_TIMEOUT_SEC} seconds")


def share(text: str) -> float:
    """Parse a share above 0 and below 1, such as `5%` or `0.05`."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)(%?)", text)
    value = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if 0 < value < 1:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a share: use 5% or 0.05")


def several(kind: Callable[[str], Value], text: str) -> list[Value]:
    """Parse values separated by commas, each with the parser `kind`."""
    words = text.split(",")
    if "" in words:
        raise argparse.ArgumentTypeError(f"{text!r} has an empty item: remove the extra comma")
    return [kind(word) for word in words]


def shape(text: str) -> Shape:
    """Parse the size of a matmul: `4096` or `MxKxN`."""
    words = text.split("x")
    edges = [] if "" in words else [size(edge) for edge in words]
    if len(edges) == 1:
        edges *= 3
    if len(edges) != 3:  # noqa: PLR2004  m, k and n
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: use 4096 or MxKxN")
    return Shape(*edges)


def byte_size(text: str) -> int:
    """Parse a number of bytes, such as `8`, `64K` or `16M`."""
    match = re.fullmatch(r"([0-9]{1,20})([KMG]?)", text)
    value = int(match[1]) << BYTE_SHIFTS[match[2]] if match else 0
    if 1 <= value <= MAX_BYTES:
        return value
    if value > MAX_BYTES:
        raise argparse.ArgumentTypeError(
            f"{text} is more than ranks send: use at most {MAX_BYTES >> 30}G"
        )
    raise argparse.ArgumentTypeError(f"{text!r} is not a size: use bytes, or 64K, 16M, 1G")


def dtype(text: str) -> str:
    """Parse the name of a dtype."""
    if text in DTYPE_BYTES:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not a dtype: use one of {DTYPE_NAMES}")


def sent_dtype(text: str) -> str:
    """Parse the name of a dtype to send. tf32 is refused: it is float32 in memory."""
    if text == "tf32":
        raise argparse.ArgumentTypeError("tf32 is sent as float32: use float32")
    return dtype(text)
