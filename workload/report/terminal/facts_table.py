"""The facts of `workload doctor` as a table, with readable names and units."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from workload.core.units import format_bytes, format_seconds, printable
from workload.report.terminal.tables import new_table

INDENT = "  "
# Names of fields in the record. Other names, such as those of variables, stay as they are.
_NAME = re.compile(r"[a-z0-9_]+")
_WORDS = {
    "arch": "architecture",
    "c": "C compiler",
    "cpu": "CPU",
    "cpus": "CPUs",
    "cuda": "CUDA",
    "cudnn": "cuDNN",
    "cxx": "C++ compiler",
    "ecc": "ECC",
    "gnu": "GNU",
    "gpu": "GPU",
    "gpus": "GPUs",
    "headers": "Python.h",
    "isa": "instruction sets",
    "mig": "MIG",
    "nccl": "NCCL",
    "numa": "NUMA",
    "nvlink": "NVLink",
    "nvlinks": "NVLinks",
    "openmp": "OpenMP",
    "os": "OS",
    "pcie": "PCIe",
    "python": "Python",
    "shm": "shared memory",
    "sram": "SRAM",
    "sve": "SVE",
    "tmp": "temporary folder",
    "torch": "PyTorch",
    "unlocked": "packages that differ from the lock",
    "uuid": "UUID",
    "xids": "Xids",
}
_UNITS = {"bits": "bits", "celsius": "°C", "gflops": "GFLOP/s", "mhz": "MHz", "watt": "W"}
_DATES_SEC = (1e9, 1e10)  # between these, a number is a Unix timestamp: no duration is that long


def facts_table(facts: Mapping[str, Any]) -> Table:
    """Return a table of every known fact; facts of a group are indented below its name."""
    table = new_table("fact", "value")
    for name, value in _rows(facts, ""):
        heading = not value
        table.add_row(Text(printable(name), "bold" if heading else ""), printable(value))
    return table


def _rows(facts: Mapping[str, Any], indent: str) -> Iterator[tuple[str, str]]:
    """Return the rows of all facts, single facts before groups."""
    known = [(name, value) for name, value in facts.items() if value not in (None, {})]
    for name, value in sorted(known, key=lambda pair: _is_group(pair[1])):
        if isinstance(value, dict):
            yield indent + label(name), ""
            yield from _rows(value, indent + INDENT)
        elif _is_group(value):
            for number, item in enumerate(value, start=1):
                yield from _item(indent + _numbered(label(name), number), item)
        else:
            yield indent + label(name), shown(name, value)


def _is_group(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, dict) for item in value)
    )


def _item(name: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return an item of a list as one row, or as several rows if it contains groups."""
    if any(map(_is_group, facts.values())):
        yield name, ""
        indent = name[: len(name) - len(name.lstrip())]
        yield from _rows(facts, indent + INDENT)
    else:
        yield name, ", ".join(" ".join(row) for row in _rows(facts, ""))


def label(name: str) -> str:
    """Return a name in words, without its unit.

    >>> label("memory_available_bytes")
    'memory available'
    """
    if not _NAME.fullmatch(name):
        return name
    words = name.split("_")
    if words[-1] in ("bytes", "sec", *_UNITS) and len(words) > 1:
        words.pop()
    return " ".join(_WORDS.get(word, word) for word in words)


def place_label(place: Sequence[str | int]) -> str:
    """Return the path of a fact in words; a number is the index of an item in a list.

    >>> place_label(("torch", "gpus", 0, "name"))
    'PyTorch: GPU 1: name'
    """
    labels: list[str] = []
    for name in place:
        if isinstance(name, int) and labels:
            labels[-1] = _numbered(labels[-1], name + 1)
        else:
            labels.append(label(str(name)))
    return ": ".join(labels)


def _numbered(plural: str, number: int) -> str:
    return f"{plural.removesuffix('s')} {number}"


def shown(name: str, value: Any) -> str:
    """Return a value as text, with the unit that `name` ends with."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _number(name, value) if isinstance(value, int | float) else str(value)


def _number(name: str, value: float) -> str:
    unit = name.rpartition("_")[2]
    if unit == "bytes" and isinstance(value, int):
        return format_bytes(value)
    if unit == "sec" and _DATES_SEC[0] < value < _DATES_SEC[1]:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if unit == "sec":
        return format_seconds(value)
    return f"{value:g} {_UNITS[unit]}" if unit in _UNITS else str(value)
