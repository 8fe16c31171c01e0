"""Training on ranks computes what one process computes; two common mistakes do not."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.ranks import planted_training
from support.ranks.agreement import SPEC, disagreement, single_losses
from support.ranks.training import LIMIT_SEC, ended, start, trained

FLOAT64 = ("--dtype", "float64")
MODES = ("all-reduce", "ddp")


@pytest.fixture(scope="module")
def single() -> Sequence[float]:
    """The losses of the book's loop on one rank."""
    return single_losses()


def without_warning(text: str) -> str:
    """Drop the warning that the folder ends with the container that the tests run in."""
    return re.sub(r"\Awarning: .*? or choose\s+another with\s+--\w+\n", "", text, flags=re.S)


def planted(mistake: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Train on two ranks with a mistake."""
    command = (sys.executable, planted_training.__file__, "2", mistake, *words)
    return subprocess.run(
        (*command, *FLOAT64, "--device", "cpu", "--threads", "1", "--json"),
        capture_output=True,
        text=True,
        timeout=LIMIT_SEC,
        check=False,
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Two and three ranks in each run; in `.ci/run nightly` one and four too."""
    if "ranks" in metafunc.fixturenames:
        nightly = metafunc.config.getoption("--hypothesis-profile", None) == "nightly"
        metafunc.parametrize("ranks", [1, 2, 3, 4] if nightly else [2, 3])


@pytest.mark.parametrize("mode", MODES)
def test_every_loss_agrees_with_that_of_one_rank(
    ranks: int, mode: str, single: Sequence[float]
) -> None:
    result = trained(*FLOAT64, "--ranks", ranks, "--mode", mode)
    assert len(result["losses"]) == SPEC.steps
    assert disagreement(result["losses"], single) is None


@pytest.mark.parametrize(
    ("mistake", "step", "mode"),
    [("row", 1, "all-reduce"), ("mean", 2, "all-reduce"), ("mean", 2, "ddp")],
)
def test_a_mistake_disagrees_from_the_first_step_that_it_changes(
    mistake: str, step: int, mode: str, single: Sequence[float]
) -> None:
    (result,) = json.loads(planted(mistake, "--mode", mode).stdout)["train"]
    found = disagreement(result["losses"], single)
    assert found is not None
    assert found.startswith(f"step {step}: ")


def test_a_mistake_is_found_before_the_training() -> None:
    process = planted("row", "checked", "--mode", "ddp")
    assert process.returncode == 3
    assert re.search(r"^rank [01]: mode ddp computes wrong numbers here: ", process.stderr, re.M)


def test_rank_0_alone_prints_and_writes(tmp_path: Path) -> None:
    code, out, text = ended(start("--ranks", 2, "--steps", 3, "--output", tmp_path))
    assert code == 0
    # The headings, without continuation lines.
    assert re.findall(r"^(\w+)  ", without_warning(text), re.M) == [
        "device",
        "ranks",
        "train",
        "record",
    ]
    (path,) = tmp_path.iterdir()
    assert json.loads(out) == json.loads(path.read_text())


def test_scaling_has_a_row_for_each_number_of_ranks() -> None:
    points = trained("--ranks", 2, "--steps", 20, "--scaling")["scaling"]
    assert [(point["kind"], point["ranks"], point["batch_size"]) for point in points] == [
        ("strong", 1, 64),
        ("strong", 2, 64),
        ("weak", 1, 64),
        ("weak", 2, 128),
    ]
    assert all(point["median_step_sec"] > 0 for point in points)


def test_a_checkpoint_is_refused_on_another_number_of_ranks(tmp_path: Path) -> None:
    saved = tmp_path / "checkpoint"
    trained("--ranks", 2, "--steps", 4, "--checkpoint", saved)
    again = start("--ranks", 3, "--steps", 8, "--checkpoint", saved, "--resume")
    code, out, errors = ended(again)
    assert (code, out) == (2, "")
    assert without_warning(errors) == (
        f"workload train: rank 0: {saved} was trained on 2 ranks, not 3, whose sums are rounded "
        "differently: resume it on 2, or start again with another --checkpoint\n"
    )


def test_a_mode_for_one_rank_is_refused_under_torchrun() -> None:
    code, _, errors = ended(start("--mode", "fused", RANK="0", WORLD_SIZE="2", MASTER_ADDR="a"))
    assert (code, errors) == (
        2,
        "workload train: rank 0: mode fused runs on one rank, and the environment has started "
        "2 ranks: choose --mode all-reduce or ddp\n",
    )
