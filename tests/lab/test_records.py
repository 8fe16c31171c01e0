"""A record of a simulated GPU is written, and is no speed for anyone."""

from pathlib import Path

import pytest
from support.lab.driver_lab import HOST, Lab, Machine


@pytest.fixture(scope="module")
def record(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a short training on a GPU that the CPU computes for."""
    folder = tmp_path_factory.mktemp("results")
    root = tmp_path_factory.mktemp("machine")
    command = ["train", "--device", "cuda", "--steps", "2", "--output", str(folder)]
    ended = lab.run(Machine(HOST), root, command)
    assert ended.returncode == 0, ended.stderr
    (path,) = folder.glob("train-*.json")
    return path


def test_compare_refuses_it(lab: Lab, record: Path, tmp_path: Path) -> None:
    ended = lab.run(Machine(), tmp_path, ["compare", str(record), str(record)])
    assert ended.returncode == 2
    problem = "was measured on STAND-IN H100, which is not a GPU, so its times mean nothing"
    assert problem in ended.stderr


def test_report_leaves_it_out(lab: Lab, record: Path, tmp_path: Path) -> None:
    ended = lab.run(Machine(), tmp_path, ["report", str(record.parent)])
    assert ended.returncode == 2
    assert "contains no usable record" in ended.stderr
    assert "STAND-IN H100" in ended.stderr
