"""Build records, and read and write their files."""

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workload import __version__
from workload.core.errors import BadInputError, ExitCode, NotSavedError
from workload.core.files import read_json, write_atomically
from workload.core.models.case import Case
from workload.core.models.model import Model, as_json, from_json
from workload.core.models.record import SCHEMA_VERSION, Record
from workload.core.places import fix_of

SECTIONS = (
    "device",
    "environment",
    "findings",
    "verify",
    "train",
    "cases",
    "ceilings",
    "host_cpu",
    "xids",
    "link_errors",
    "advice",
    "variables",
    "ranks",
    "collectives",
)
MAX_RECORD_BYTES = 64 << 20  # far more than a record of a long run, which is under 1 MB


class RecordBuilder:
    """A builder of a record. Another thread may read the record at any time."""

    def __init__(self, kind: str, arguments: Sequence[str]) -> None:
        """Start the clock; `kind` is the command, `arguments` its command line."""
        self._started = time.monotonic()
        self._started_at = datetime.now(UTC)
        self._kind = kind
        self._arguments = tuple(arguments)
        self._lock = threading.Lock()
        self._sections: dict[str, Any] = dict.fromkeys(SECTIONS)
        self._cases: dict[str, Case] = {}
        self._keep: Callable[[str, object], None] = lambda _name, _value: None

    def follow(self, keep: Callable[[str, object], None]) -> None:
        """Call `keep` with the name and value of each result when it is added; see `journal`."""
        self._keep = keep
        keep("started", self.as_ended(ExitCode.TERMINATED, "the run ended early"))

    def set(self, section: str, value: Model | Sequence[Model] | None) -> None:
        """Set a section to its result or results."""
        if section not in SECTIONS:
            raise KeyError(section)
        with self._lock:
            self._sections[section] = tuple(value) if isinstance(value, Sequence) else value
            self._keep(section, value)

    def expect(self, cases: Sequence[Case]) -> None:
        """Add planned cases, with the status that they keep if they are never measured."""
        with self._lock:
            self._cases = {case.name: case for case in cases} | self._cases
            self._keep("expected", cases)

    def add_case(self, case: Case) -> None:
        """Add a measured case; it replaces an earlier case of the same name."""
        with self._lock:
            self._cases[case.name] = case
            self._keep("case", case)

    def as_ended(self, code: ExitCode, reason: str | None) -> Record:
        """Return the record of the results so far, as if the run ended with `code`."""
        interrupted = code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
        with self._lock:
            sections, cases = dict(self._sections), dict(self._cases)
        if sections["cases"] is None:
            sections["cases"] = tuple(cases.values()) or None
        advice = sections.pop("advice")
        return Record(
            schema_version=SCHEMA_VERSION,
            kind=self._kind,
            started_at=self._started_at,
            workload_version=__version__,
            arguments=self._arguments,
            **sections,
            action=advice.action if advice else None,
            action_reason=advice.reason if advice else None,
            action_evidence=advice.evidence if advice else None,
            gpus=advice.gpus if advice and advice.gpus else None,
            status="interrupted" if interrupted else "failed" if code else "complete",
            exit_code=code,
            reason=reason,
            duration_sec=time.monotonic() - self._started,
        )


def save(record: Record, directory: Path) -> Path:
    """Write `record` into `directory`, which is created if missing; return its path.

    Raises NotSavedError. The file name contains the start time, the device and the process ID, so
    concurrent runs do not write the same file.
    """
    device = record.device.torch_name.replace(":", "") if record.device else "none"
    if record.device and record.ranks:
        device = f"{record.device.kind}x{len(record.ranks)}"
    moment = record.started_at.strftime("%Y%m%dT%H%M%S%fZ")
    path = directory / f"{record.kind}-{moment}-{device}-{os.getpid()}.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomically(path, dump(record))
    except OSError as error:
        raise NotSavedError(
            f"the record could not be written to {directory}: {error.strerror or error}; "
            f"{fix_of(error, directory, '--output')}"
        ) from error
    return path


def dump(document: object) -> bytes:
    """Format a record or another document as indented UTF-8 JSON."""
    return (json.dumps(as_json(document), indent=1, allow_nan=False) + "\n").encode()


def load(path: Path) -> Record:
    """Read the record at `path`. Raises BadInputError with the reason if it is not valid."""
    return parse(read_json(path, MAX_RECORD_BYTES, "a record of `workload run`"), path)


def parse(document: object, path: Path) -> Record:
    """Convert `document`, which was read from `path`, to a record. Raises BadInputError."""
    try:
        require_version(document)
        return from_json(Record, document)
    except ValueError as error:
        raise BadInputError(
            f"{path} is not a valid record ({error}): choose another file"
        ) from error


def require_version(part: object) -> None:
    """Raise ValueError if `part` has a schema version that this program does not read."""
    version = part.get("schema_version") if isinstance(part, dict) else None
    if isinstance(part, dict) and version != SCHEMA_VERSION:
        raise ValueError(f"schema_version {version!r}, but this program reads {SCHEMA_VERSION}")
