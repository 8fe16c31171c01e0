"""Training on ranks computes what one process computes. Each training serves several tests."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.ranks.agreement import SPEC, disagreement, single_losses
from support.ranks.training import FLOAT64, ended, start

MODES = ("all-reduce", "ddp")


@dataclass(frozen=True)
class Whole:
    """A training to its end: what it printed, and where it wrote its record and its checkpoint."""

    out: str
    text: str
    folder: Path
    checkpoint: Path

    @property
    def losses(self) -> Sequence[float]:
        (result,) = json.loads(self.out)["train"]
        found: Sequence[float] = result["losses"]
        return found


Trainings = Callable[[int, str], Whole]


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Trainings:
    """Train in float64 on this many ranks in a mode, once: `training(2, "ddp")`."""
    done: dict[tuple[int, str], Whole] = {}

    def train(ranks: int, mode: str) -> Whole:
        if (ranks, mode) not in done:
            folder, saved = (tmp_path_factory.mktemp(name) for name in ("results", "saved"))
            words = (*FLOAT64, "--ranks", ranks, "--mode", mode, "--output", folder)
            code, out, text = ended(start(*words, "--checkpoint", saved / "checkpoint"))
            assert code == 0, text
            done[ranks, mode] = Whole(out, text, folder, saved / "checkpoint")
        return done[ranks, mode]

    return train


@pytest.fixture(scope="module")
def single() -> Sequence[float]:
    """The losses of the book's loop on one rank."""
    return single_losses()


def without_warning(text: str) -> str:
    """Drop the warning that the folder ends with the container that the tests run in."""
    return re.sub(r"\Awarning: .*? or choose\s+another with\s+--\w+\n", "", text, flags=re.S)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Two and three ranks in each run; in `.ci/run nightly` one and four too."""
    if "ranks" in metafunc.fixturenames:
        nightly = metafunc.config.getoption("--hypothesis-profile", None) == "nightly"
        metafunc.parametrize("ranks", [1, 2, 3, 4] if nightly else [2, 3])


@pytest.mark.parametrize("mode", MODES)
def test_every_loss_agrees_with_that_of_one_rank(
    ranks: int, mode: str, training: Trainings, single: Sequence[float]
) -> None:
    losses = training(ranks, mode).losses
    assert len(losses) == SPEC.steps
    assert disagreement(losses, single) is None


def test_rank_0_alone_prints_and_writes(training: Trainings) -> None:
    whole = training(2, "all-reduce")
    # The headings, without continuation lines.
    assert re.findall(r"^(\w+)  ", without_warning(whole.text), re.M) == [
        "device",
        "ranks",
        "mode",
        "train",
        "hint",
        "record",
    ]
    hint = "2 ranks on the CPUs of one machine are for checking results, not for measuring speed"
    assert hint in whole.text
    (path,) = whole.folder.iterdir()
    assert json.loads(whole.out) == json.loads(path.read_text())


def test_a_checkpoint_is_refused_on_another_number_of_ranks(training: Trainings) -> None:
    saved = training(2, "all-reduce").checkpoint
    again = start("--ranks", 3, "--steps", 501, "--checkpoint", saved, "--resume", *FLOAT64)
    code, out, errors = ended(again)
    assert (code, out) == (2, "")
    assert without_warning(errors) == (
        f"workload train: rank 0: {saved} was trained on 2 ranks, not 3, and another number of "
        "ranks rounds sums differently: resume it on 2, or start again with another --checkpoint\n"
    )
