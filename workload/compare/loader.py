"""Load one side of a comparison: the process runs of one device.

A file is a record that contains cases, such as one of `run`, `matmul` or `train`, or a file that
pytest-benchmark wrote for tests/benchmarks. A directory contains several files of one kind. For any
other file, BadInputError is raised with a one-line message. If such a file is one of several in a
directory, it is left out instead, and listed in the side's `problems`.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workload.compare.run import Run, run_of_benchmarks, runs_of_record
from workload.core import records
from workload.core.errors import BadInputError
from workload.core.files import read_json
from workload.core.models.case import Case
from workload.core.models.device import STAND_IN, DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.records import MAX_RECORD_BYTES
from workload.core.train_case import step_case

WANTED = "a record of `workload run` or a file of pytest-benchmark"
MAX_FILES = 500  # of one side


@dataclass(frozen=True)
class Side:
    """The runs of one device in chronological order.

    `problems` lists why other runs or files are left out.
    """

    name: str
    device: DeviceInfo
    runs: tuple[Run, ...]
    problems: tuple[str, ...] = ()


def load_side(path: Path) -> Side:
    """Read a side from a file or a directory. Raises BadInputError with a one-line message."""
    if not os.path.isdir(path):  # False even if Path.is_dir() would raise
        runs, problems = _comparable(path)
        if not runs:
            raise BadInputError(problems[0])
        return _side(path, runs, problems)
    runs, problems = [], []
    for file in _files(path):
        try:
            more, left_out = _comparable(file)
        except BadInputError as error:
            more, left_out = [], [str(error)]
        runs += more
        problems += left_out
    if not runs:
        raise BadInputError(f"{path} contains no usable file: {problems[0]}")
    return _side(path, runs, problems)


def load_runs(path: Path) -> tuple[Run, ...]:
    """Read the runs of a file, one for each rank of a record.

    Raises BadInputError with a one-line message.
    """
    document = read_json(path, MAX_RECORD_BYTES, WANTED)
    is_benchmark = isinstance(document, dict) and "benchmarks" in document
    runs = (
        (run_of_benchmarks(document, path),)
        if is_benchmark
        else runs_of_record(records.parse(document, path), path)
    )
    for run in runs:
        if run.device and run.device.name.startswith(STAND_IN):
            raise BadInputError(
                f"{path} was measured on {run.device.name}, which is not a GPU, so its times mean "
                "nothing: choose a record of a real GPU"
            )
    return runs


def _comparable(path: Path) -> tuple[list[Run], list[str]]:
    """Return the runs of a file that have a device and cases, and the problems of the other runs.

    Raises BadInputError.
    """
    found = [(run, _problem(run, path)) for run in load_runs(path)]
    return [run for run, problem in found if not problem], [why for _, why in found if why]


def _problem(run: Run, path: Path) -> str | None:
    """Return why a run cannot be compared; None if it has a device and cases."""
    name = f"{path} ({run.part})" if run.part else str(path)
    if run.device is None:
        return f"{name} has no device, as its run ended early: choose another record"
    if not run.cases:
        return f"{name} contains no case: choose another file ({WANTED})"
    return None


def side_of_process(
    name: str, device: DeviceInfo, cases: Iterable[Case], trainings: Iterable[TrainResult]
) -> Side:
    """Create a side from what this process measured."""
    trainings = tuple(trainings)
    every = (*cases, *(step_case(result, device) for result in trainings))
    run = Run(name, "run", datetime.now(UTC), device, every, trainings)
    return Side(name, device, (run,))


def _files(directory: Path) -> list[Path]:
    """Return the JSON files in `directory` or, if there are none, in its subfolders.

    pytest-benchmark creates such subfolders. Raises BadInputError with a one-line message.
    """
    try:
        os.listdir(directory)  # raises if the folder cannot be read; glob() would not
        found = sorted(directory.glob("*.json")) or sorted(directory.glob("*/*.json"))
    except OSError as error:
        reason = error.strerror or error
        raise BadInputError(f"{directory} cannot be read: {reason}; check the path") from error
    if not found:
        raise BadInputError(
            f"{directory} contains no .json file: choose {WANTED}, or a folder of these"
        )
    if len(found) > MAX_FILES:
        raise BadInputError(
            f"{directory} contains {len(found)} .json files; compare reads at most {MAX_FILES} "
            "per folder: move the older ones elsewhere"
        )
    return found


def _side(path: Path, runs: list[Run], problems: list[str]) -> Side:
    runs = sorted(runs, key=lambda run: run.started_at)
    devices = [run.device for run in runs if run.device]
    for what, values in (
        ("devices", [f"{device.kind} {device.name}" for device in devices]),
        ("kinds of file", [run.kind for run in runs]),
    ):
        distinct = list(dict.fromkeys(values))
        if len(distinct) > 1:
            raise BadInputError(
                f"{path} contains two {what}, {distinct[0]} and {distinct[1]}: "
                "choose a folder that contains only one"
            )
    return Side(str(path), devices[0], tuple(runs), tuple(problems))
