"""What a container costs, from records made in alternation."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "docker/overhead.py"


def store(folder: Path, number: int, seconds: float, threads: int = 2) -> None:
    folder.mkdir(exist_ok=True)
    case = {"name": "matmul 1024 float32", "timing": {"median_sec": seconds}}
    copy = {"name": "copy 1 float32", "timing": {"median_sec": 9.0}}
    record = {"device": {"name": "a CPU", "threads": threads}, "cases": [copy, case]}
    (folder / f"matmul-{number}.json").write_text(json.dumps(record))


def overhead(folder: Path) -> str:
    command = [sys.executable, SCRIPT, folder]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_each_inside_is_divided_by_the_outside_beside_it(tmp_path: Path) -> None:
    """The machine slows down throughout; the ratio stays."""
    for number in range(7):
        store(tmp_path / "inside", number, 1.02 * (1 + number))
        store(tmp_path / "outside", number, 1 + number)
    assert overhead(tmp_path).endswith("inside / outside = 1.0200 (95 %: 1.0200 to 1.0200)\n")


def test_few_pairs_have_no_interval(tmp_path: Path) -> None:
    store(tmp_path / "inside", 1, 1.1)
    store(tmp_path / "outside", 1, 1.0)
    assert "1.1000 (too few pairs to tell)" in overhead(tmp_path)


def test_processes_of_unequal_threads_are_no_comparison(tmp_path: Path) -> None:
    store(tmp_path / "inside", 1, 1.1, threads=1)
    store(tmp_path / "outside", 1, 1.0, threads=2)
    command = [sys.executable, SCRIPT, tmp_path]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, "")
    assert "the processes took [1, 2] threads" in found.stderr
