"""Two records side by side: equal cases are paired, disagreement is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from outcome import Outcome

from workload import record
from workload.compare import LOSS_TOLERANCE, compare, loss_disagreement
from workload.errors import BadInputError, ExitCode
from workload.record import Draft, Record
from workload.results import CaseStatus, DeviceInfo, MatmulCase, TrainResult

CASE = MatmulCase(64, 64, 64, "float32", CaseStatus.OK, samples_sec=(2e-3, 2e-3), timer="t")
TRAINING = TrainResult(
    preset="book",
    batch_size=64,
    input_size=1000,
    hidden_size=100,
    output_size=10,
    learning_rate=1e-6,
    steps=3,
    seed=0,
    dtype="float32",
    resumed_from_step=0,
    losses=(9e6, 4e6, 1e6),
    step_time_sec=(1e-3,),
    weights_sha256=None,
)


@pytest.fixture
def make(cpu: DeviceInfo) -> Callable[..., Record]:
    """A record of these cases and trainings."""

    def record_of(
        cases: tuple[MatmulCase, ...] = (CASE,),
        trainings: tuple[TrainResult, ...] = (TRAINING,),
        name: str = "a device",
    ) -> Record:
        draft = Draft("run", [])
        draft.set("device", replace(cpu, name=name))
        draft.set("matmul", cases)
        draft.set("train", trainings)
        return draft.as_ended(ExitCode.OK, None)

    return record_of


def test_the_speedup_is_how_many_times_faster_b_is(make: Callable[..., Record]) -> None:
    faster = replace(CASE, samples_sec=(1e-3, 1e-3))
    speeds = compare(make(), make(cases=(faster,))).speeds
    assert speeds[0].name == "matmul 64 float32"
    assert speeds[0].speedup == pytest.approx(2)


def test_the_speedup_of_training_is_that_of_its_steps(make: Callable[..., Record]) -> None:
    faster = replace(TRAINING, step_time_sec=(0.25e-3,))
    speeds = compare(make(), make(trainings=(faster,))).speeds
    assert (speeds[1].unit, speeds[1].speedup) == ("s", pytest.approx(4))


def test_cases_that_only_one_side_measured_are_left_out(make: Callable[..., Record]) -> None:
    not_run = replace(CASE, dtype="float16", status=CaseStatus.NOT_RUN, samples_sec=())
    names = [speed.name for speed in compare(make((CASE, not_run)), make((CASE, not_run))).speeds]
    assert names == ["matmul 64 float32", "train book float32"]


def test_records_without_a_common_case_are_refused(make: Callable[..., Record]) -> None:
    other = replace(CASE, m=65)
    with pytest.raises(BadInputError, match="share no measured case"):
        compare(make(trainings=()), make(cases=(other,), trainings=()))


@pytest.mark.parametrize("change", [{"seed": 1}, {"input_size": 10}, {"dtype": "float64"}])
def test_trainings_of_other_options_are_not_paired(
    change: dict[str, object], make: Callable[..., Record]
) -> None:
    other = replace(TRAINING, **change)
    assert compare(make(), make(trainings=(other,))).disagreements == ()


def test_equal_losses_do_not_disagree(make: Callable[..., Record]) -> None:
    worst = compare(make(), make()).worst
    assert worst is not None
    assert (worst.error, worst.ok) == (0.0, True)


def test_a_disagreement_is_measured_in_the_root_of_the_first_loss() -> None:
    assert loss_disagreement((9e6, 4e6), (9e6, 1e6)) == pytest.approx(1 / 3)


def test_a_loss_that_is_not_finite_has_no_error() -> None:
    assert loss_disagreement((9e6, None), (9e6, 1e6)) is None


def test_disagreeing_losses_end_with_exit_3(
    make: Callable[..., Record], tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    first = TRAINING.losses[0]
    wrong = replace(TRAINING, losses=(first, 4e6 + first * 10 * LOSS_TOLERANCE, 1e6))
    outcome = compared(make(), make(trainings=(wrong,)), tmp_path, workload)
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert "train book float32: the two records' losses disagree beyond" in outcome.stderr


def test_json_is_one_document_with_every_speed(
    make: Callable[..., Record], tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    outcome = compared(make(), make(), tmp_path, workload, "--json")
    assert [speed["unit"] for speed in json.loads(outcome.stdout)["speeds"]] == ["GFLOP/s", "s"]


def test_a_hostile_device_name_prints_no_control_characters(
    make: Callable[..., Record], tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    hostile = make(name="\x1b]0;owned\x07[bold]GPU[/bold]")
    outcome = compared(hostile, make(), tmp_path, workload)
    assert "?]0;owned?[bold]GPU[/bold]" in outcome.stdout
    assert "\x1b" not in outcome.stdout


def compared(
    a: Record, b: Record, directory: Path, workload: Callable[..., Outcome], *options: str
) -> Outcome:
    paths = [record.save(one, directory / name) for name, one in (("a", a), ("b", b))]
    return workload("compare", *paths, *options)
