"""Environment variables that change the speed or the bits of results (`variables.toml`)."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workload.core.files import read_table
from workload.core.models.variable import NEITHER, Variable
from workload.core.units import printable

TABLE = Path(__file__).with_name("variables.toml")
MAX_VALUE = 200  # characters of a value that are recorded


@dataclass(frozen=True)
class Known:
    """A variable of the table; the values in `harmless` and `only` are in lower case."""

    devices: tuple[str, ...]
    changes: str
    harmless: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    threads: bool = False
    replaces: bool = False  # read only by a library that replaces GNU's OpenMP

    def changed_by(self, value: str, usable_threads: int | None) -> str:
        """Return what this value changes; `usable_threads` is None if the number is unknown."""
        word = value.strip().lower()
        unset = not word or word in self.harmless or (self.only and word not in self.only)
        return NEITHER if unset or self._is_enough(word, usable_threads) else self.changes

    def _is_enough(self, word: str, usable_threads: int | None) -> bool:
        # `4,2` means four threads, and two in nested regions.
        match = re.fullmatch(r"\+?([0-9]{1,9})(?:,[0-9, ]*)?", word)
        enough = self.threads and usable_threads is not None and match is not None
        return bool(enough and match and int(match[1]) >= (usable_threads or 0))


@cache
def known_variables() -> dict[str, Known]:
    """Return the variables of the table by their names."""
    return {
        name: Known(
            devices=tuple(library["devices"]),
            changes=row["changes"],
            harmless=tuple(row.get("harmless", ())),
            only=tuple(row.get("only", ())),
            threads=row.get("threads", False),
            replaces=library.get("replaces", False),
        )
        for library in read_table(TABLE)["library"]
        for name, row in library["variables"].items()
    }


def set_variables(
    environment: Mapping[str, str],
    usable_threads: int | None,
    redact: Callable[[str], str] = str,
    *,
    gnu_openmp: bool = False,
) -> tuple[Variable, ...]:
    """Return the variables of the table that are set, sorted by name.

    `gnu_openmp` is true if torch contains GNU's OpenMP, which only a preloaded library can replace.
    """
    known = known_variables()
    gnu = gnu_openmp and not re.search("libi?omp", environment.get("LD_PRELOAD", ""))
    return tuple(
        Variable(
            name=name,
            value=printable(redact(environment[name]))[:MAX_VALUE],
            changes=NEITHER
            if gnu and known[name].replaces
            else known[name].changed_by(environment[name], usable_threads),
            devices=known[name].devices,
        )
        for name in sorted(known.keys() & environment.keys())
    )


def effects(variables: Iterable[Variable], *devices: str) -> str | None:
    """Return which variables change the speed or the bits of results on these devices, or None."""
    groups: dict[str, list[str]] = {}
    for variable in variables:
        if variable.matters(*devices):
            groups.setdefault(variable.changes, []).append(str(variable))
    return "; ".join(_effect(groups[what], what) for what in sorted(groups, reverse=True)) or None


def _effect(names: list[str], what: str) -> str:
    return f"{', '.join(names)} change{'' if len(names) > 1 else 's'} {what}"
