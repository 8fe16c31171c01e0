"""What tests/benchmarks put into a file of pytest-benchmark; other benchmarks are skipped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from workload.compare.run import Run, honest, in_utc
from workload.core.errors import BadInputError
from workload.core.models.case import Case
from workload.core.models.device import DeviceInfo
from workload.core.models.model import from_json
from workload.core.models.rating import Ceilings
from workload.core.models.variable import Variable
from workload.core.records import require_version
from workload.core.units import printable

T = TypeVar("T")

PYTEST_BENCHMARK = "pytest-benchmark"  # the kind of such a run
ORIGIN = "machine_info.workload"
IMAGE_FIELDS = ("image", "variant", "revision")
OPTIONAL_PARTS: dict[str, type[Any]] = {"ceilings": Ceilings, "variables": tuple[Variable, ...]}


def run_of_benchmarks(document: dict[str, Any], path: Path) -> Run:
    """Make a run of a pytest-benchmark file, read from `path`. Raises BadInputError.

    The run has no exit code: that the benchmarks ended is not a verdict.
    """
    origin = _mapping(_mapping(document.get("machine_info")).get("workload"))
    _require_version(origin, path)
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
        cases=tuple(honest(case, device) for case in _cases(document, path)),
        versions=versions,
        image=image["image"],
        environment={"versions": versions, **image},
        **parts,
    )


def _require_version(origin: dict[str, Any], path: Path) -> None:
    """Raise BadInputError for the benchmarks of another version, if they name one."""
    if not origin:
        return
    try:
        require_version(origin)
    except ValueError as error:
        raise _not_ours(f"{ORIGIN} has {error}", path) from error


def _cases(document: dict[str, Any], path: Path) -> Iterator[Case]:
    for place, holder in _holders(document, path):
        case = holder.get("case")
        if case is not None:
            yield _part(Case, case, f"{place}.case", path)


def _holders(document: dict[str, Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what may hold a case: pytest-benchmark's entries, then cases without a time."""
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
