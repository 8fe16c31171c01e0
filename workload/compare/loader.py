"""One side of a comparison: the process runs of one device, from files that may be anything.

A file is a record of `run`, `matmul` or `train`, or what pytest-benchmark wrote of
tests/benchmarks; a directory holds several of one kind. Whatever else a file is, it ends in a
BadInputError of one line. In a directory that spoils only the file: it is named among the
side's `problems`.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workload.core import record
from workload.core.cases import Case, CaseStatus, Ceilings
from workload.core.errors import BadInputError
from workload.core.files import read_json
from workload.core.record import MAX_RECORD_BYTES, Record
from workload.core.results import DeviceInfo, TrainResult, from_json
from workload.core.roofline import rated
from workload.core.train_case import train_case
from workload.core.units import printable

WANTED = "a record of `workload run` or a file of pytest-benchmark"
PYTEST_BENCHMARK = "pytest-benchmark"
MAX_FILES = 500  # of one side
ORIGIN_FIELDS = ("image", "variant", "revision")


@dataclass(frozen=True)
class Run:
    """What one process measured, its trainings among the cases. `versions` are of software."""

    source: str  # the file
    kind: str  # the command, or PYTEST_BENCHMARK
    started_at: datetime
    device: DeviceInfo
    cases: tuple[Case, ...]
    trainings: tuple[TrainResult, ...]
    ceilings: Ceilings | None
    versions: dict[str, str]
    image: str | None = None
    variant: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Side:
    """Runs of one device, by time. `problems` are of files that are left out."""

    name: str
    device: DeviceInfo
    runs: tuple[Run, ...]
    problems: tuple[str, ...] = ()


def load_side(path: Path) -> Side:
    """The side that a file or a directory holds. Raises BadInputError in one line."""
    if not os.path.isdir(path):  # False, where Path.is_dir() may raise
        return _side(path, [load_run(path)], [])
    runs, problems = [], []
    for file in _files(path):
        try:
            runs.append(load_run(file))
        except BadInputError as error:
            problems.append(str(error))
    if not runs:
        raise BadInputError(f"{path} holds no usable file: {problems[0]}")
    return _side(path, runs, problems)


def load_run(path: Path) -> Run:
    """The run that a file tells of. Raises BadInputError in one line."""
    document = read_json(path, MAX_RECORD_BYTES, WANTED)
    if isinstance(document, dict) and "benchmarks" in document:
        run = _benchmark_run(document, path)
    else:
        run = _record_run(record.checked(document, path), path)
    if not run.cases:
        raise BadInputError(f"{path} holds no case: name {WANTED} that measured one")
    return run


def side_of_process(
    name: str, device: DeviceInfo, cases: Iterable[Case], trainings: Iterable[TrainResult]
) -> Side:
    """What this very process measured, as a side."""
    trainings = tuple(trainings)
    every = (*cases, *(train_case(result, device.kind) for result in trainings))
    run = Run(name, "run", datetime.now(UTC), device, every, trainings, None, {})
    return Side(name, device, (run,))


def _files(directory: Path) -> list[Path]:
    """Its JSON files, or those of the folders in it, which pytest-benchmark makes."""
    try:
        found = sorted(directory.glob("*.json")) or sorted(directory.glob("*/*.json"))
    except OSError as error:
        reason = error.strerror or error
        raise BadInputError(f"{directory} cannot be read: {reason}; check the path") from error
    if not found:
        raise BadInputError(f"{directory} holds no .json file: name {WANTED}, or a folder of these")
    if len(found) > MAX_FILES:
        raise BadInputError(
            f"{directory} holds {len(found)} files, a side has at most {MAX_FILES}: "
            "move the older ones elsewhere"
        )
    return found


def _side(path: Path, runs: list[Run], problems: list[str]) -> Side:
    runs = sorted(runs, key=lambda run: run.started_at)
    for what, values in (
        ("devices", [f"{run.device.kind} {run.device.name}" for run in runs]),
        ("kinds of file", [run.kind for run in runs]),
    ):
        distinct = list(dict.fromkeys(values))
        if len(distinct) > 1:
            raise BadInputError(
                f"{path} holds two {what}, {distinct[0]} and {distinct[1]}: "
                "name a folder that holds one side"
            )
    return Side(str(path), runs[0].device, tuple(runs), tuple(problems))


def _record_run(content: Record, path: Path) -> Run:
    trainings = tuple(from_json(TrainResult, item) for item in content["train"] or [])
    cases = [honest(from_json(Case, item)) for item in content["cases"] or []]
    ceilings = from_json(Ceilings, content["ceilings"]) if content["ceilings"] else None
    if content["device"] is None:
        raise BadInputError(f"{path} names no device, its run ended before: name another one")
    device = from_json(DeviceInfo, content["device"])
    steps = [train_case(result, device.kind) for result in trainings]
    cases += rated(steps, ceilings) if ceilings else steps
    environment = content["environment"] or {}
    return Run(
        source=str(path),
        kind=content["kind"],
        started_at=moment(content["started_at"], path),
        device=device,
        cases=tuple(cases),
        trainings=trainings,
        ceilings=ceilings,
        versions={
            **_versions(environment.get("versions")),
            "workload": content["workload_version"],
        },
    )


def _benchmark_run(document: dict[str, Any], path: Path) -> Run:
    """What tests/benchmarks put into a file of pytest-benchmark; other benchmarks are skipped."""
    origin = _mapping(_mapping(document.get("machine_info")).get("workload"))
    _require(origin.get("device"), "device", "machine_info.workload.device", path)
    ceilings = origin.get("ceilings")
    if ceilings is not None:
        _require(ceilings, "ceilings", "machine_info.workload.ceilings", path)
    return Run(
        source=str(path),
        kind=PYTEST_BENCHMARK,
        started_at=moment(document.get("datetime"), path),
        device=from_json(DeviceInfo, _mapping(origin["device"])),
        cases=tuple(_benchmark_cases(document, path)),
        trainings=(),
        ceilings=from_json(Ceilings, ceilings) if ceilings else None,
        versions=_versions(origin.get("versions")),
        **{name: _words(origin.get(name)) for name in ORIGIN_FIELDS},
    )


def _benchmark_cases(document: dict[str, Any], path: Path) -> Iterator[Case]:
    for place, holder in _holders(document, path):
        case = holder.get("case")
        if case is not None:
            _require(case, "case", f"{place}.case", path)
            yield honest(from_json(Case, case))


def _holders(document: dict[str, Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What may hold a case: pytest-benchmark's entries, then what has no time to be one."""
    measured = document["benchmarks"]
    if not isinstance(measured, list):
        raise BadInputError(f"{path} is no file of pytest-benchmark (benchmarks is no list)")
    for index, entry in enumerate(measured):
        yield f"benchmarks[{index}].extra_info", _mapping(_mapping(entry).get("extra_info"))
    unmeasured = _mapping(document.get("workload")).get("unmeasured")
    for index, entry in enumerate(unmeasured if isinstance(unmeasured, list) else []):
        yield f"workload.unmeasured[{index}]", _mapping(entry)


def honest(case: Case) -> Case:
    """The case, WRONG if it says that it is right and an error beyond its tolerance."""
    if case.status is CaseStatus.OK and (case.error_share or 0.0) > 1:
        reason = f"its error is {case.error_share:.3g} times its tolerance"
        return replace(case, status=CaseStatus.WRONG, reason=reason)
    return case


def _require(part: object, definition: str, place: str, path: Path) -> None:
    problem = record.part_invalidity(part, definition)
    if problem:
        raise BadInputError(
            f"{path} is no file of this project's benchmarks "
            f"({problem.replace('data', place, 1)}): make one with make cpu-bench"
        )


def moment(text: object, path: Path) -> datetime:
    """A moment with its time zone, UTC unless it says another."""
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"{path} does not say when it was made: name another one") from error


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _versions(value: object) -> dict[str, str]:
    return {name: text for name, text in _mapping(value).items() if isinstance(text, str)}


def _words(value: object) -> str | None:
    return printable(value) if isinstance(value, str) else None
