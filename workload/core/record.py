"""Records: what one run found, as one JSON document that a schema describes."""

import json
import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import fastjsonschema

from workload import __version__
from workload.core.errors import BadInputError, ExitCode, NotSavedError
from workload.core.files import read_json, write_atomically
from workload.core.results import as_json

# 1: the first. 2: `cases` of every kind with their timing and rating, in place of `matmul`;
# `ceilings`; the mode of a training. 3: see CHANGELOG.md, 0.2.0.
SCHEMA_VERSION = 3
SECTIONS = (
    "device",
    "environment",
    "findings",
    "checks",
    "train",
    "cases",
    "ceilings",
    "host_cpu",
)
MAX_RECORD_BYTES = 64 << 20  # a record of a long run is under 1 MB; more is not a record

Record = dict[str, Any]


class RecordBuilder:
    """A record in the making. Another thread may finish it at any moment."""

    def __init__(self, kind: str, arguments: Sequence[str]) -> None:
        """Start the clock; `kind` is the command, `arguments` its command line."""
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._record: Record = {
            "schema_version": SCHEMA_VERSION,
            "kind": kind,
            "started_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "workload_version": __version__,
            "arguments": list(arguments),
            **dict.fromkeys(SECTIONS),
        }

    def set(self, section: str, value: object) -> None:
        """Replace a section by a result, or a list of results."""
        if section not in SECTIONS:
            raise KeyError(section)
        plain = as_json(value)
        with self._lock:
            self._record[section] = plain

    def replace(self, section: str, index: int, value: object) -> None:
        """Replace one result of a section that is a list."""
        plain = as_json(value)
        with self._lock:
            self._record[section] = [
                plain if place == index else item
                for place, item in enumerate(self._record[section])
            ]

    def as_ended(self, code: ExitCode, reason: str | None) -> Record:
        """A copy of the record as it stands, ended with `code`."""
        interrupted = code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
        ending = {
            "status": "interrupted" if interrupted else "failed" if code else "complete",
            "exit_code": int(code),
            "reason": reason,
            "duration_sec": time.monotonic() - self._started,
        }
        with self._lock:
            return {**self._record, **ending}


def save(record: Record, directory: Path) -> Path:
    """Write `record` into `directory`, which is made if need be; its path.

    Raises NotSavedError. The name is the start time, the device and the process, so two
    runs at once do not meet.
    """
    device = (record["device"] or {}).get("torch_name", "none").replace(":", "")
    moment = datetime.fromisoformat(record["started_at"]).strftime("%Y%m%dT%H%M%S%fZ")
    path = directory / f"{record['kind']}-{moment}-{device}-{os.getpid()}.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomically(path, dump(record))
    except OSError as error:
        raise NotSavedError(
            f"the record could not be written to {directory}: {error.strerror or error}; "
            "free space or choose a writable directory with --output"
        ) from error
    return path


def dump(document: object) -> bytes:
    """A JSON document as UTF-8, indented for readers and diffs."""
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()


def load(path: Path) -> Record:
    """The valid record at `path`. Raises BadInputError that says what is wrong with it."""
    return checked(read_json(path, MAX_RECORD_BYTES, "a record of `workload run`"), path)


def checked(document: object, path: Path) -> Record:
    """`document`, which was read from `path`, if it is a valid record; else BadInputError."""
    problem = invalidity(document)
    if problem or not isinstance(document, dict):
        raise BadInputError(f"{path} is not a valid record ({problem}): name another one")
    return dict(document)


def invalidity(record: object) -> str | None:
    """Why `record` breaks the schema, or None if it keeps it."""
    version = record.get("schema_version") if isinstance(record, dict) else None
    if isinstance(record, dict) and version != SCHEMA_VERSION:
        return f"schema_version {version!r}, this workload reads {SCHEMA_VERSION}"
    return _violation(record, None)


def part_invalidity(part: object, definition: str) -> str | None:
    """Why `part` is not what the schema's `definition` describes, or None if it is."""
    return _violation(part, definition)


def _violation(document: object, definition: str | None) -> str | None:
    try:
        _validator(definition)(document)
    except fastjsonschema.JsonSchemaValueException as error:
        return str(error.message)
    return None


@cache
def _validator(definition: str | None) -> Any:
    """Of the whole schema, or of one of its definitions."""
    text = resources.files("workload.core").joinpath("record.schema.json").read_text("utf-8")
    schema = json.loads(text)
    if definition is not None:
        schema = {"$ref": f"#/definitions/{definition}", "definitions": schema["definitions"]}
    return fastjsonschema.compile(schema)
