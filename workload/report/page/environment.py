"""The environments as tables: a row for each fact, a column for each device.

The environment of a record may be arbitrary JSON.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from workload.core.units import format_bytes
from workload.core.variables import effects
from workload.report.page.subjects import Subject, short
from workload.report.terminal.facts_table import place_label, shown
from workload.report.terminal.summary import architecture_words

MAX_ROWS, MAX_WORDS, MAX_DEPTH = 160, 160, 6
UNKNOWN = "–"

Row = tuple[str, tuple[str, ...]]
Place = tuple[str | int, ...]  # keys of objects, and indexes of lists

# The rows of the short table. Each fact is at one of these places in the environment.
_ROWS: dict[str, tuple[Place, ...]] = {
    "PyTorch": (("torch", "version"), ("versions", "torch")),
    "built for": (("torch", "built_for"),),
    "CUDA": (("torch", "cuda_version"), ("versions", "cuda")),
    "cuDNN": (("torch", "cudnn_version"), ("versions", "cudnn")),
    "NCCL": (("torch", "nccl_version"),),
    "CPU instructions": (("torch", "cpu_capability"),),
    "Python": (("system", "python"), ("versions", "python")),
    "system": (("system", "os"),),
    "kernel": (("system", "kernel"),),
    "container": (("system", "container"),),
    "CPU quota": (("limits", "cpu_quota"),),
    "image": (("system", "image"), ("image",)),
    "commit": (("revision",),),
}


def short_table(chosen: Sequence[Subject]) -> list[Row]:
    """Return the most important facts, without rows that are empty for every device."""
    columns = [_column(subject) for subject in chosen]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [(name, tuple(column.get(name) or UNKNOWN for column in columns)) for name in names]
    return [(name, values) for name, values in rows if set(values) != {UNKNOWN}]


def _column(subject: Subject) -> dict[str, str | None]:
    """Return the facts of one device; an unknown fact is None or empty."""
    device, run, facts = subject.device, subject.run, all_facts(subject)
    return {
        "device": short(device.name, MAX_WORDS),
        "chosen because": short(device.reason, MAX_WORDS),
        "architecture": short(architecture_words(device) or "", MAX_WORDS),
        "threads": str(device.threads),
        "memory": None if device.memory_bytes is None else format_bytes(device.memory_bytes),
        "last-level cache": None
        if device.cache_bytes is None
        else format_bytes(device.cache_bytes),
        "multiprocessors": None if device.sm_count is None else str(device.sm_count),
        "compute capability": short(device.capability or ""),
        "driver": short(device.driver or ""),
        "started": f"{run.started_at:%Y-%m-%d %H:%M} UTC",
        "variables": short(effects(run.variables or (), device.kind) or "", MAX_WORDS),
        "workload": short(run.versions.get("workload", "")),
        "records": short(", ".join(subject.sources), MAX_WORDS),
        **{
            name: next((facts[place] for place in places if place in facts), None)
            for name, places in _ROWS.items()
        },
    }


def full_table(chosen: Sequence[Subject]) -> list[Row]:
    """Return every known fact of the environments."""
    columns = [all_facts(subject) for subject in chosen]
    names = list(dict.fromkeys(name for column in columns for name in column))[:MAX_ROWS]
    return [
        (place_label(name), tuple(column.get(name, UNKNOWN) for column in columns))
        for name in names
    ]


def all_facts(subject: Subject) -> dict[Place, str]:
    """Return all known facts, by their places in the environment."""
    return dict(_flat((), subject.run.environment, MAX_DEPTH))


def _flat(place: Place, value: Any, depth: int) -> Iterator[tuple[Place, str]]:
    if value is None:
        return
    name = str(place[-1]) if place else ""
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        yield place, short(shown(name, value[:MAX_ROWS]), MAX_WORDS)
    elif isinstance(value, dict | list) and depth:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for _, (key, item) in zip(range(MAX_ROWS), items, strict=False):
            inner = key if isinstance(key, int) else short(key)
            yield from _flat((*place, inner), item, depth - 1)
    elif isinstance(value, dict | list):
        yield place, "…"
    else:
        yield place, short(shown(name, value), MAX_WORDS)
