"""tests/tools/overhead.py divides the times of each pair."""

from typing import Any

import pytest
from tools.overhead import summary


def record(seconds: float, threads: int = 2) -> dict[str, Any]:
    copy = {"kind": "copy", "timing": {"median_sec": 9.0}}
    matmul = {"kind": "matmul", "timing": {"median_sec": seconds}}
    return {"device": {"threads": threads}, "cases": [copy, matmul]}


def test_each_time_is_divided_by_the_one_of_the_same_pair() -> None:
    """The machine slows down throughout; the ratio stays."""
    inside = [record(1.02 * (1 + number)) for number in range(7)]
    outside = [record(1 + number) for number in range(7)]
    assert summary(inside, outside) == (
        "inside / outside = 1.0200 (95 %: 1.0200 to 1.0200), 7 pairs"
    )


def test_few_pairs_have_no_interval() -> None:
    assert "1.1000 (too few pairs to tell)" in summary([record(1.1)], [record(1.0)])


def test_processes_with_different_threads_are_not_compared() -> None:
    with pytest.raises(SystemExit, match=r"the processes use \[1, 2\] threads"):
        summary([record(1.1, threads=1)], [record(1.0)])
