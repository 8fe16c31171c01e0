"""Read lock files."""

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workload.core.errors import first_line

Packages = set[tuple[str, str]]  # names and versions


def read_lock(path: Path, environment: dict[str, str] | None = None) -> Packages:
    """Return the packages that a lock file pins, or only those that apply to `environment`.

    Raises OSError for a file that cannot be read, and ValueError for one that is not a lock.
    """
    text = path.read_text().replace("\\\n", " ")
    lines = [line.partition("--hash=")[0].strip() for line in text.splitlines()]
    try:
        return {
            (canonicalize_name(one.name), version_of(one))
            for one in (Requirement(line) for line in lines if line and not line.startswith("#"))
            if not environment or not one.marker or one.marker.evaluate(environment)
        }
    except ValueError as error:
        raise ValueError(f"{path} is not a lock file: {first_line(error)}") from error


def version_of(requirement: Requirement) -> str:
    """Return the version that a requirement pins. Raises ValueError if it allows several."""
    pins = [one.version for one in requirement.specifier if one.operator in ("==", "===")]
    if len(pins) != 1:
        raise ValueError(f"{requirement} is not pinned")
    return pins[0]
