"""One rank of two dies, hangs, computes wrongly or is slow: it is named, the other goes on."""

import re
from collections.abc import Callable
from typing import Any

from support.ranks.ended import Ended

RUN = "run --ranks 2 --budget 1 --sizes 64,256 --dtypes float32".split()
Planted = Callable[..., Ended]


def row(ended: Ended, rank: int) -> str:
    """The row of a rank in the table."""
    (found,) = re.findall(rf"^{rank} +\d.*$", ended.text, re.MULTILINE)
    return str(found)


def matmuls(rank: dict[str, Any]) -> list[str]:
    """How the matmuls of a rank ended."""
    return [case["status"] for case in rank["cases"] if case["kind"] == "matmul"]


def test_a_rank_that_is_killed_is_named_and_the_other_goes_on(planted: Planted) -> None:
    ended = planted("dies 1", *RUN)
    assert ended.code == 4
    assert row(ended, 0).endswith("PASS")
    assert row(ended, 1).endswith("DIED")
    assert (
        "rank 1 died in matmul 256 float32: ended by SIGKILL, which the kernel sends if memory "
        "runs out; see the kernel's log; the others continued"
    ) in ended.errors
    assert "UNFIT  rank 1 of 2 " in ended.text
    assert (ended.record["action"], ended.record["exit_code"]) == ("retry", 4)
    one, other = ended.ranks
    assert (one["ended"], matmuls(one)) == ("complete", ["ok", "ok"])
    assert (other["ended"], matmuls(other)) == ("died", ["ok", "interrupted"])
    assert len(other["verify"]) == len(one["verify"])


def test_a_rank_that_hangs_is_ended_after_its_time_and_named(planted: Planted) -> None:
    ended = planted("hangs 0", *RUN, "--rank-timeout", "20")
    assert ended.code == 4
    assert row(ended, 0).endswith("HUNG")
    assert row(ended, 1).endswith("PASS")
    assert (
        "rank 0 hung in matmul 256 float32: made no progress for 20 s; it was killed; "
        "the others continued"
    ) in ended.errors
    assert ended.record["action"] == "retry"
    assert matmuls(ended.ranks[0]) == ["ok", "interrupted"]


def test_a_rank_with_wrong_numbers_is_named_and_drains_the_machine(planted: Planted) -> None:
    ended = planted("computes 1", *RUN)
    assert ended.code == 3
    assert row(ended, 0).endswith("PASS")
    assert row(ended, 1).endswith("WRONG")
    assert "rank 1: matmul 256 float32 wrong: " in ended.errors
    assert "rank 0: " not in ended.errors
    assert "WRONG NUMBERS  rank 1 of 2 " in ended.text
    assert ended.record["action"] == "drain"
    assert ended.record["action_reason"].startswith("rank 1: wrong numbers")
    assert "matmul 256 float32" in ended.record["action_evidence"]


def test_a_rank_that_does_more_work_than_the_other_is_the_slowest(planted: Planted) -> None:
    ended = planted("slows 1", *RUN)
    assert ended.code == 0
    assert re.search(
        r"^slowest    rank 1: \S+ times as long .* for matmul$", ended.text, re.MULTILINE
    )
    assert ended.record["action"] == "retry"
    assert " times as long as the others for " in ended.record["action_reason"]
