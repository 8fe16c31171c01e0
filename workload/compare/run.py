"""The results of one process on one device, in the form used to compare and show them.

A run is read from a record, or from a pytest-benchmark file that tests/benchmarks wrote. Other
benchmarks in such a file are skipped.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from workload.core.emulation import without_speed
from workload.core.errors import BadInputError, ExitCode
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.model import as_json, from_json
from workload.core.models.rank import Rank
from workload.core.models.rating import Ceilings
from workload.core.models.record import HostCpu, Record
from workload.core.models.train import TrainResult
from workload.core.models.variable import Variable
from workload.core.models.verify import VerifyResult
from workload.core.records import require_version
from workload.core.roofline import rated
from workload.core.train_case import step_case
from workload.core.units import printable

T = TypeVar("T")

HOST = "host"  # the kind of the host CPU's results in a GPU's run
PYTEST_BENCHMARK = "pytest-benchmark"  # the kind of a run from a pytest-benchmark file
ORIGIN = "machine_info.workload"
IMAGE_FIELDS = ("image", "variant", "revision")
OPTIONAL_PARTS: dict[str, type[Any]] = {"ceilings": Ceilings, "variables": tuple[Variable, ...]}


class Run(msgspec.Struct, frozen=True):
    """The results of one process on one device; `cases` includes a step of each training run."""

    source: str  # the file
    kind: str  # the command, HOST or PYTEST_BENCHMARK
    started_at: datetime
    device: DeviceInfo | None  # None: the run ended before a device was chosen
    cases: tuple[Case, ...]
    trainings: tuple[TrainResult, ...] = ()
    ceilings: Ceilings | None = None
    versions: dict[str, str] = {}
    image: str | None = None
    status: str = "complete"
    exit_code: ExitCode = ExitCode.OK
    reason: str | None = None
    verify: tuple[VerifyResult, ...] = ()
    environment: dict[str, Any] = {}
    variables: tuple[Variable, ...] | None = None  # None: not recorded
    host: "Run | None" = None  # the host CPU's results in a GPU's run
    part: str | None = None  # one of several ranks: "GPU 3 of 8"
    ranks: tuple[Rank, ...] = ()  # all ranks of the record

    @property
    def place(self) -> str | None:
        """Where the process ran: the image, the kind of container, or the host; None if unknown."""
        if self.image:
            return f"image {self.image}"
        system = self.environment.get("system")
        if system is None:
            return None
        return f"{system['container']} container" if system["container"] else "host"


def runs_of_record(record: Record, path: Path) -> tuple[Run, ...]:
    """Create a run for each rank of a record, or one if it has no ranks. Raises BadInputError."""
    if not record.ranks:
        return (run_of_record(record, path),)
    return tuple(
        msgspec.structs.replace(
            run_of_record(record.of_rank(rank), path),
            part=f"{rank.title} of {len(record.ranks)}",
            ranks=record.ranks,
        )
        for rank in record.ranks
    )


def run_of_record(record: Record, path: Path) -> Run:
    """Create a run from a record that was read from `path`. Raises BadInputError."""
    trainings = record.train or ()
    versions = (record.environment and record.environment.versions) or {}
    system = record.environment and record.environment.system
    python = {"python": system.python} if system else {}
    run = Run(
        source=str(path),
        kind=record.kind,
        started_at=in_utc(record.started_at, path),
        device=record.device,
        cases=_cases(record.cases or (), trainings, record.ceilings, record.device),
        trainings=trainings,
        ceilings=record.ceilings,
        versions={**versions, **python, "workload": record.workload_version},
        image=system.image if system else None,
        status=record.status,
        exit_code=record.exit_code,
        reason=record.reason,
        verify=record.verify or (),
        environment=as_json(record.environment) or {},
        variables=record.variables,
    )
    host = record.host_cpu
    return msgspec.structs.replace(run, host=_host_run(run, host)) if host else run


def _host_run(run: Run, host: HostCpu) -> Run:
    """Create the run of the host CPU: the same process and machine, but the CPU's results."""
    return msgspec.structs.replace(
        run,
        kind=HOST,
        device=host.device,
        cases=_cases(host.cases, host.train, None, host.device),
        trainings=host.train,
        ceilings=None,
        verify=(),
    )


def _cases(
    cases: Iterable[Case],
    trainings: Iterable[TrainResult],
    ceilings: Ceilings | None,
    device: DeviceInfo | None,
) -> tuple[Case, ...]:
    """Return the cases, followed by a case for one step of each training run.

    The cases of the steps are rated if `ceilings` are known.
    """
    steps = [step_case(result, device) for result in trainings]
    rated_steps = rated(steps, ceilings) if ceilings else steps
    return (*(honest(case, device) for case in cases), *rated_steps)


def honest(case: Case, device: DeviceInfo | None) -> Case:
    """Return the case, marked as WRONG if its error exceeds the tolerance.

    If the device is emulated, the returned case has no speed.
    """
    if case.status is CaseStatus.OK and (case.error_share or 0.0) > 1:
        reason = f"its error is {case.error_share:.3g} times its tolerance"
        return msgspec.structs.replace(case, status=CaseStatus.WRONG, reason=reason)
    return without_speed(case, device)


def in_utc(found: object, path: Path) -> datetime:
    """Convert a time, or its text in ISO 8601, to UTC. Raises BadInputError.

    A time without a time zone is taken as UTC.
    """
    try:
        moment = datetime.fromisoformat(found) if isinstance(found, str) else found
        if not isinstance(moment, datetime):
            raise ValueError("no time")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"{path} has no valid creation time: choose another file") from error


def run_of_benchmarks(document: dict[str, Any], path: Path) -> Run:
    """Create a run from a pytest-benchmark file that was read from `path`. Raises BadInputError.

    Such a file has no exit code, so the run's exit code is always OK.
    """
    origin = _mapping(_mapping(document.get("machine_info")).get("workload"))
    try:
        if origin:  # absent in benchmarks of other projects
            require_version(origin)
    except ValueError as error:
        raise _not_ours(f"{ORIGIN} has {error}", path) from error
    device = _part(DeviceInfo, origin.get("device"), f"{ORIGIN}.device", path)
    parts = {
        name: _part(kind, origin[name], f"{ORIGIN}.{name}", path)
        for name, kind in OPTIONAL_PARTS.items()
        if origin.get(name) is not None
    }
    versions = {
        name: version
        for name, version in _mapping(origin.get("versions")).items()
        if isinstance(version, str)
    }
    image = {name: _words(origin.get(name)) for name in IMAGE_FIELDS}
    return Run(
        source=str(path),
        kind=PYTEST_BENCHMARK,
        started_at=in_utc(document.get("datetime"), path),
        device=device,
        cases=tuple(honest(case, device) for case in _benchmarked(document, path)),
        versions=versions,
        image=image["image"],
        environment={"versions": versions, **image},
        **parts,
    )


def _benchmarked(document: dict[str, Any], path: Path) -> Iterator[Case]:
    for place, holder in _holders(document, path):
        case = holder.get("case")
        if case is not None:
            yield _part(Case, case, f"{place}.case", path)


def _holders(document: dict[str, Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects that may hold a case: pytest-benchmark's entries, then unmeasured cases."""
    measured = document["benchmarks"]
    if not isinstance(measured, list):
        raise _not_ours("benchmarks is not a list", path)
    for index, entry in enumerate(measured):
        yield f"benchmarks[{index}].extra_info", _mapping(_mapping(entry).get("extra_info"))
    unmeasured = _mapping(document.get("workload")).get("unmeasured")
    for index, entry in enumerate(unmeasured if isinstance(unmeasured, list) else []):
        yield f"workload.unmeasured[{index}]", _mapping(entry)


def _part(kind: type[T], part: object, place: str, path: Path) -> T:
    try:
        return from_json(kind, part, place)
    except ValueError as error:
        raise _not_ours(str(error), path) from error


def _not_ours(problem: str, path: Path) -> BadInputError:
    return BadInputError(
        f"{path} is not a file of this project's benchmarks ({problem}): "
        "make one with `make cpu-bench`"
    )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> str | None:
    return printable(value) if isinstance(value, str) else None
