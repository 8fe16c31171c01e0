"""Load the runs in a folder of results, and skip the files that are not usable."""

import os
import re
from pathlib import Path

from msgspec.structs import replace

from workload.compare import loader
from workload.compare.run import Run
from workload.core.errors import BadInputError, ExitCode
from workload.core.units import plural

MAX_FILES = 500  # the newest, by the start time in their names
STARTED = re.compile(r"\d{8}T\d{6}")  # in the names of records and of benchmark files


def load_results(directory: Path) -> tuple[list[Run], list[str]]:
    """Read the runs below `directory`, newest first. Also return a line for each file left out.

    Raises BadInputError if no run is left.
    """
    runs: list[Run] = []
    problems: list[str] = []
    files = _files(directory)
    if len(files) > MAX_FILES:
        older = plural(len(files) - MAX_FILES, "older file")
        problems.append(f"{older}: only the newest {MAX_FILES} are shown")
    for path in files[-MAX_FILES:]:
        try:
            source = str(path.relative_to(directory))
            # Ranks that failed come first: the first rank represents the record.
            ranks = sorted(loader.load_runs(path), key=lambda run: run.exit_code is ExitCode.OK)
            runs += [_named(run, source) for run in ranks]
        except BadInputError as error:
            problems.append(str(error))
    if not runs:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        found = f" ({problems[0]}{more})" if problems else ""
        raise BadInputError(
            f"{directory} contains no usable record{found}: make one with `workload run`"
        )
    return sorted(runs, key=lambda run: run.started_at, reverse=True), problems


def _named(run: Run, source: str) -> Run:
    return replace(run, source=f"{source} ({run.part})" if run.part else source)


def _files(directory: Path) -> list[Path]:
    try:
        if not directory.is_dir():
            raise BadInputError(f"{directory} is not a folder: choose the one with the records")
        os.listdir(directory)  # raises OSError; rglob() finds nothing in an unreadable folder
        paths = [path for path in directory.rglob("*.json") if _may_be_record(path, directory)]
    except OSError as error:
        raise BadInputError(
            f"{directory} cannot be read: {error.strerror or error}; check the path"
        ) from error
    return sorted(paths, key=_start_and_name)


def _start_and_name(path: Path) -> tuple[str, str]:
    """Return the start time in a file's name (empty if it has none), and the name."""
    started = STARTED.search(path.name)
    return (started[0] if started else "", path.name)


def _may_be_record(path: Path, directory: Path) -> bool:
    """Return whether a file may be a record: not hidden, and not a bill of materials.

    The short runs of `make gpu-proof`, in a subfolder, are left out: they have their own page.
    """
    if path.name.startswith(".") or path.name.endswith(".cdx.json"):
        return False
    return path.parent == directory or not (path.parent / "proof.jsonl").exists()
