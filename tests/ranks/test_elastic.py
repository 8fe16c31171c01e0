"""A training whose ranks are killed goes on from its last checkpoint, to the same weights.

Once in each run; in `.ci/run nightly` ten times, in both modes.
"""

import random
from pathlib import Path

import pytest
from support.ranks.agreement import disagreement
from support.ranks.training import LONG, LONG_SPEC, kill_ranks, result_of, start, trained

BRIEF = [("all-reduce", 2, 1, 200)]
NIGHTLY = [("all-reduce", 2, 10, 500), ("ddp", 2, 10, 500), ("ddp", 3, 10, 500)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    nightly = metafunc.config.getoption("--hypothesis-profile", None) == "nightly"
    metafunc.parametrize(("mode", "ranks", "kills", "steps"), NIGHTLY if nightly else BRIEF)


def test_killed_ranks_change_no_bit(
    mode: str, ranks: int, kills: int, steps: int, tmp_path: Path
) -> None:
    saved = tmp_path / "checkpoint"
    seed = random.SystemRandom().randrange(1 << 32)
    words = (*LONG, "--steps", steps, "--ranks", ranks, "--mode", mode)
    process = start(*words, "--checkpoint", saved, "--max-restarts", kills)
    killed_at = kill_ranks(process, saved, kills, steps, seed)
    killed, whole = result_of(process), trained(*words)
    assert killed["resumed_from_step"] >= killed_at[-1], seed
    if (mode, ranks) == ("ddp", 3):  # DDP sums in another order after its first step
        assert disagreement(killed["losses"], whole["losses"], LONG_SPEC) is None, seed
    else:
        assert killed["losses"] == whole["losses"], seed
        assert killed["weights_sha256"] == whole["weights_sha256"], seed
