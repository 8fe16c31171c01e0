"""The runs that a folder of results tells of, from files that may be anything."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from workload import record
from workload.cases import Case, Ceilings
from workload.errors import BadInputError
from workload.files import read_regular
from workload.record import MAX_RECORD_BYTES, SECTIONS, Record
from workload.results import Check, DeviceInfo, TrainResult, from_json

T = TypeVar("T")

MAX_FILES = 500  # the newest by their names, which begin with kind and start
BENCHMARKS = "benchmarks"  # the kind of a file that pytest-benchmark wrote
HOST = "host"  # the kind of what a GPU's run measured on the CPU beside it


@dataclass(frozen=True)
class Run:
    """What one process found on one device. `environment` is any JSON: nothing checks it."""

    source: str
    kind: str
    started_at: datetime
    status: str
    exit_code: int
    reason: str | None
    version: str
    device: DeviceInfo | None
    cases: tuple[Case, ...]
    trainings: tuple[TrainResult, ...]
    ceilings: Ceilings | None
    checks: tuple[Check, ...]
    environment: dict[str, Any]
    host: "Run | None" = None


def load_results(directory: Path) -> tuple[list[Run], list[str]]:
    """The runs below `directory`, newest first, and a line for each file that is left out.

    Raises BadInputError if no run is left.
    """
    runs, problems = [], []
    for path in _files(directory):
        try:
            runs.append(load_run(path, directory))
        except BadInputError as error:
            problems.append(str(error))
    if not runs:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        found = f" ({problems[0]}{more})" if problems else ""
        raise BadInputError(
            f"{directory} holds no usable record{found}: make one with `workload run`"
        )
    return sorted(runs, key=lambda run: run.started_at, reverse=True), problems


def _files(directory: Path) -> list[Path]:
    try:
        if not directory.is_dir():
            raise BadInputError(f"{directory} is no folder: name the one that holds the records")
        paths = [path for path in directory.rglob("*.json") if not path.name.startswith(".")]
    except OSError as error:
        raise BadInputError(
            f"{directory} cannot be read: {error.strerror or error}; check the path"
        ) from error
    return sorted(paths, key=lambda path: path.name)[-MAX_FILES:]


def load_run(path: Path, directory: Path) -> Run:
    """The run that a file tells of. Raises BadInputError that says what is wrong with it."""
    benchmarks = _benchmarks(path)
    if benchmarks is None:
        return _run(record.load(path), path, directory)
    content = _as_record(benchmarks)
    problem = record.invalidity(content)
    if problem:
        raise BadInputError(f"{path} is no file of this project's benchmarks ({problem})")
    return _run(content, path, directory, BENCHMARKS)


def _benchmarks(path: Path) -> dict[str, Any] | None:
    """The document of pytest-benchmark at `path`, or None if it is something else."""
    try:
        document = json.loads(read_regular(path, MAX_RECORD_BYTES), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError):
        return None  # what it is, record.load says better
    return document if isinstance(document, dict) and "benchmarks" in document else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _as_record(document: dict[str, Any]) -> Record:
    """A file of pytest-benchmark as the record that it would be, to be checked as one."""
    origin = _mapping(_mapping(document.get("machine_info")).get("workload"))
    found = [_mapping(_mapping(one).get("extra_info")) for one in _list(document["benchmarks"])]
    return {
        "schema_version": record.SCHEMA_VERSION,
        "kind": "matmul",
        "status": "complete",
        "exit_code": 0,
        "reason": None,
        "started_at": f"{document.get('datetime')}",
        "duration_sec": 0,
        "workload_version": "",
        "arguments": [],
        **dict.fromkeys(SECTIONS),
        "device": origin.get("device"),
        "ceilings": origin.get("ceilings"),
        "cases": [info["case"] for info in found if "case" in info],
        "environment": {
            name: value for name, value in origin.items() if name not in ("device", "ceilings")
        },
    }


def _run(content: Record, path: Path, directory: Path, kind: str | None = None) -> Run:
    device, ceilings, host = content["device"], content["ceilings"], content["host_cpu"]
    run = Run(
        source=str(path.relative_to(directory)),
        kind=kind or content["kind"],
        started_at=_moment(content["started_at"], path),
        status=content["status"],
        exit_code=content["exit_code"],
        reason=content["reason"],
        version=content["workload_version"],
        device=from_json(DeviceInfo, device) if device else None,
        cases=_all(Case, content["cases"]),
        trainings=_all(TrainResult, content["train"]),
        ceilings=from_json(Ceilings, ceilings) if ceilings else None,
        checks=_all(Check, content["checks"]),
        environment=content["environment"] or {},
    )
    return replace(run, host=_host(run, host)) if host else run


def _host(run: Run, found: dict[str, Any]) -> Run:
    """The CPU beside the GPU: same process, same machine, results of its own."""
    return replace(
        run,
        kind=HOST,
        device=from_json(DeviceInfo, found["device"]),
        cases=_all(Case, found["cases"]),
        trainings=_all(TrainResult, found["train"]),
        ceilings=None,
        checks=(),
    )


def _all(kind: type[T], items: list[dict[str, Any]] | None) -> tuple[T, ...]:
    return tuple(from_json(kind, item) for item in items or ())


def _moment(text: str, path: Path) -> datetime:
    """UTC unless it says another zone. The schema lets through the year 0 and leap seconds."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"{path} is not a valid record (started_at is no date)") from error


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
