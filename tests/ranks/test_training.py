"""Mistakes in a training on ranks are found; its scaling is measured."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from support.ranks.agreement import SPEC, disagreement, single_losses
from support.ranks.planted import training as program
from support.ranks.training import FLOAT64, LIMIT_SEC, ended, start, trained

BRIEF = replace(SPEC, steps=3)  # a mistake changes the second step at the latest


def planted(mistake: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Train on two ranks with a mistake."""
    command = (sys.executable, program.__file__, "2", mistake, *words)
    return subprocess.run(
        (*command, *FLOAT64, "--device", "cpu", "--threads", "1", "--json"),
        capture_output=True,
        text=True,
        timeout=LIMIT_SEC,
        check=False,
    )


@pytest.mark.parametrize(
    ("mistake", "step", "mode"),
    [("row", 1, "all-reduce"), ("mean", 2, "all-reduce"), ("mean", 2, "ddp")],
)
def test_a_mistake_disagrees_from_the_first_step_that_it_changes(
    mistake: str, step: int, mode: str
) -> None:
    process = planted(mistake, "--mode", mode, "--steps", str(BRIEF.steps))
    (result,) = json.loads(process.stdout)["train"]
    found = disagreement(result["losses"], single_losses(BRIEF), BRIEF)
    assert found is not None
    assert found.startswith(f"step {step}: ")


def test_a_mistake_is_found_before_the_training() -> None:
    process = planted("row", "checked", "--mode", "ddp")
    assert process.returncode == 3
    assert re.search(r"^rank [01]: mode ddp computes wrong numbers here: ", process.stderr, re.M)


def test_scaling_has_a_row_for_each_number_of_ranks() -> None:
    points = trained("--ranks", 2, "--steps", 20, "--scaling")["scaling"]
    assert [(point["kind"], point["ranks"], point["batch_size"]) for point in points] == [
        ("strong", 1, 64),
        ("strong", 2, 64),
        ("weak", 1, 64),
        ("weak", 2, 128),
    ]
    assert all(point["median_step_sec"] > 0 for point in points)


def test_a_mode_for_one_rank_is_refused_under_torchrun() -> None:
    code, _, errors = ended(start("--mode", "fused", RANK="0", WORLD_SIZE="2", MASTER_ADDR="a"))
    assert (code, errors) == (
        2,
        "workload train: rank 0: mode fused runs on one rank, and the environment has started "
        "2 ranks: choose --mode all-reduce or ddp\n",
    )
