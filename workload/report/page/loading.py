"""The runs that a folder of results tells of, from files that may be anything."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from workload.compare import loader
from workload.core import record
from workload.core.cases import Case, Ceilings
from workload.core.errors import BadInputError
from workload.core.files import read_json
from workload.core.record import MAX_RECORD_BYTES, Record
from workload.core.results import Check, DeviceInfo, TrainResult, from_json
from workload.core.roofline import rated
from workload.core.train_case import train_case

T = TypeVar("T")

MAX_FILES = 500  # the newest by their names, which begin with kind and start
BENCHMARKS = "benchmarks"  # the kind of a file that pytest-benchmark wrote
HOST = "host"  # the kind of what a GPU's run measured on the CPU beside it


@dataclass(frozen=True)
class Run:
    """What one process found on one device, a step of each training among its cases.

    `environment` is any JSON: nothing checks it.
    """

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
    files = _files(directory)
    if len(files) > MAX_FILES:
        problems.append(f"{len(files) - MAX_FILES} older files: the newest {MAX_FILES} are shown")
    for path in files[-MAX_FILES:]:
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
        paths = [path for path in directory.rglob("*.json") if _may_be_record(path.name)]
    except OSError as error:
        raise BadInputError(
            f"{directory} cannot be read: {error.strerror or error}; check the path"
        ) from error
    return sorted(paths, key=lambda path: path.name)


def _may_be_record(name: str) -> bool:
    """Neither hidden nor a bill of materials, which lies beside the records."""
    return not name.startswith(".") and not name.endswith(".cdx.json")


def load_run(path: Path, directory: Path) -> Run:
    """The run that a file tells of. Raises BadInputError that says what is wrong with it."""
    document = read_json(path, MAX_RECORD_BYTES, loader.WANTED)
    source = str(path.relative_to(directory))
    if isinstance(document, dict) and "benchmarks" in document:
        return _of_benchmarks(loader.load_run(path), source)
    content = record.checked(document, path)
    run = _of_record(content, source, loader.moment(content["started_at"], path))
    host = content["host_cpu"]
    return replace(run, host=_host(run, host)) if host else run


def _of_benchmarks(found: loader.Run, source: str) -> Run:
    """What tests/benchmarks measured; that they ended at all is no verdict."""
    origin = {name: getattr(found, name) for name in loader.ORIGIN_FIELDS}
    return Run(
        source=source,
        kind=BENCHMARKS,
        started_at=found.started_at,
        status="complete",
        exit_code=0,
        reason=None,
        version=found.versions.get("workload", ""),
        device=found.device,
        cases=found.cases,
        trainings=(),
        ceilings=found.ceilings,
        checks=(),
        environment={"versions": found.versions, **origin},
    )


def _of_record(content: Record, source: str, started_at: datetime) -> Run:
    device, ceilings = content["device"], content["ceilings"]
    limits = from_json(Ceilings, ceilings) if ceilings else None
    trainings = _all(TrainResult, content["train"])
    known = from_json(DeviceInfo, device) if device else None
    return Run(
        source=source,
        kind=content["kind"],
        started_at=started_at,
        status=content["status"],
        exit_code=content["exit_code"],
        reason=content["reason"],
        version=content["workload_version"],
        device=known,
        cases=(*_all(Case, content["cases"]), *_steps(trainings, limits, known)),
        trainings=trainings,
        ceilings=limits,
        checks=_all(Check, content["checks"]),
        environment=content["environment"] or {},
    )


def _steps(
    trainings: Iterable[TrainResult], limits: Ceilings | None, device: DeviceInfo | None
) -> list[Case]:
    """A step of each training as a case like any other, rated where the limits are known."""
    kind = device.kind if device else "cpu"
    return rated([train_case(result, kind) for result in trainings], limits or Ceilings())


def _host(run: Run, found: dict[str, Any]) -> Run:
    """The CPU beside the GPU: same process, same machine, results of its own."""
    trainings = _all(TrainResult, found["train"])
    device = from_json(DeviceInfo, found["device"])
    return replace(
        run,
        kind=HOST,
        device=device,
        cases=(*_all(Case, found["cases"]), *_steps(trainings, None, device)),
        trainings=trainings,
        ceilings=None,
        checks=(),
    )


def _all(kind: type[T], items: list[dict[str, Any]] | None) -> tuple[T, ...]:
    return tuple(from_json(kind, item) for item in items or ())
