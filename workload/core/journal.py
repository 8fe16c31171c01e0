"""A journal: a file with one line per result. It remains even if the process crashes.

The first line holds the record without results. Each further line holds a section or cases. The
last line holds the whole record, unless the process ended before it wrote this line.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workload.core.errors import NotSavedError
from workload.core.files import parse_json, read_regular
from workload.core.models.model import as_json, from_json
from workload.core.models.record import Record
from workload.core.places import fix_of
from workload.core.records import MAX_RECORD_BYTES

# Sections that are written at most once in FREQUENT_SEC. A stress test sets them several times a
# second, and each line repeats all facts.
FREQUENT, FREQUENT_SEC = ("environment", "findings"), 1.0


class Journal:
    """The journal of one process."""

    def __init__(self, path: Path) -> None:
        """Set the path of the file; `keep` creates it."""
        self._path = path
        self._failed = False
        self._written_sec: dict[str, float] = {}

    def keep(self, name: str, value: object) -> None:
        """Append a line; for each of the FREQUENT sections, at most one per second.

        Raises NotSavedError if writing fails. After that, calls do nothing: the process will exit.
        """
        now_sec = time.monotonic()
        if self._failed:
            return
        if name in FREQUENT and now_sec - self._written_sec.get(name, 0.0) < FREQUENT_SEC:
            return
        self._written_sec[name] = now_sec
        line = json.dumps({name: as_json(value)}, allow_nan=False)
        try:
            with self._path.open("ab") as file:
                file.write(f"{line}\n".encode())
        except OSError as error:
            self._failed = True
            folder = self._path.parent
            raise NotSavedError(
                f"results could not be written to {folder}: {error.strerror or error}; "
                f"{fix_of(error, folder, '--output')}"
            ) from error


@dataclass(frozen=True)
class Found:
    """The content of a journal: the record so far or, if `ended`, the whole record."""

    record: Record | None
    ended: bool = False
    lost: str | None = None  # how the device was lost


def read_journal(path: Path) -> Found:
    """Read a journal, even if its process crashed; ignore an incomplete last line."""
    try:
        text = read_regular(path, MAX_RECORD_BYTES).decode(errors="replace")
        lines = [parse_json(line) for line in text.split("\n")[:-1]]
        found = [(name, value) for line in lines for name, value in line.items()]
        known = dict(found)
        document = known.get("ended") or _assembled(known, found)
        record = from_json(Record, document) if document else None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return Found(None)
    return Found(record, "ended" in known, known.get("lost"))


def _assembled(known: dict[str, Any], found: list[tuple[str, Any]]) -> dict[str, Any] | None:
    """Return the record of the first line, updated with the latest value of each section and case.

    Return None if there is no first line.
    """
    start = known.get("started")
    if start is None:
        return None
    sections = {name: value for name, value in known.items() if name in start}
    cases: dict[str, Any] = {}
    for name, value in found:
        if name in ("expected", "case"):
            cases |= {case["name"]: case for case in (value if name == "expected" else [value])}
    if cases and sections.get("cases") is None:
        sections["cases"] = list(cases.values())
    return {**start, **sections}
