"""Ranks that torch.distributed's launcher starts here: they meet, and the first to fail is told."""

import subprocess
import sys
from pathlib import Path

import pytest

START = Path(__file__).parents[1] / "support/ranks/start.py"


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, START, *map(str, arguments)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_all_ranks_take_part_and_rank_0_prints(ranks: int) -> None:
    code, out, errors = ended(start(ranks, 0, "none"))
    assert (code, errors) == (0, "")
    assert out.startswith(f"{ranks**2} at ")


def test_two_jobs_at_once_do_not_meet() -> None:
    jobs = [start(2, 0, "none"), start(3, 0, "none")]
    sums, ports = zip(*(ended(job)[1].split(" at ") for job in jobs), strict=True)
    assert sums == ("4", "9")
    assert len(set(ports)) == 2


@pytest.mark.parametrize("whose", [0, 2])
def test_a_killed_rank_is_named_in_one_line(whose: int) -> None:
    assert ended(start(3, 0, "kill", whose)) == (
        4,
        "",
        f"rank {whose} was ended by SIGKILL: see its output and the kernel's log\n",
    )


def test_a_rank_that_fails_is_quoted_with_its_code() -> None:
    assert ended(start(2, 0, "fail", 1)) == (3, "", "rank 1: a planted fault\n")


@pytest.mark.parametrize("whose", [0, 2])
def test_ranks_meet_again_after_a_restart(whose: int) -> None:
    code, out, errors = ended(start(3, 1, "kill", whose))
    assert (code, errors) == (0, "")
    assert out.startswith("9 at ")
