"""Two sides are compared case by case: pairs, unpaired cases, and verdicts."""

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace
from support.records.measured import CPU, GPU, TRAINING, case, run, side, side_of, timing
from support.records.paired import only

from workload.compare import Verdict, compare, pair
from workload.compare.agreement import disagreements, loss_disagreement
from workload.compare.intervals import Basis
from workload.compare.loader import Side
from workload.compare.speeds import speed_of
from workload.core.methods import CUDA_EVENTS
from workload.core.models.case import CaseStatus, Kind
from workload.core.models.rating import Rating, Regime


def judged(low: float, high: float) -> Verdict:
    """The verdict on a speed-up with this interval."""
    speed = speed_of("a case", "a case", [case()], [case()])
    return replace(speed, interval=(low, high)).verdict


@pytest.mark.parametrize(
    ("image", "container", "place"),
    [
        ("sha256:1234", "docker", "image sha256:1234"),
        (None, "docker", "docker container"),
        (None, None, "host"),
    ],
)
def test_a_side_is_named_by_its_image_or_host(
    image: str | None, container: str | None, place: str
) -> None:
    environment = {"system": {"container": container}}
    ours = replace(run(case()), image=image, environment=environment)
    assert compare(side(ours, ours), side_of(case())).baseline.places == (place,)


def test_where_a_run_without_facts_ran_is_unknown() -> None:
    assert run(case()).place is None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.95, 1.05, Verdict.SAME),
        (1.0, 1.0, Verdict.SAME),
        (0.949, 1.0, Verdict.UNCLEAR),
        (1.0, 1.051, Verdict.UNCLEAR),
        (1.05, 2.0, Verdict.UNCLEAR),
        (1.051, 2.0, Verdict.FASTER),
        (0.5, 0.95, Verdict.UNCLEAR),
        (0.5, 0.949, Verdict.SLOWER),
        (0.5, 2.0, Verdict.UNCLEAR),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, verdict: Verdict) -> None:
    assert judged(low, high) is verdict


def test_a_candidate_at_half_the_time_is_twice_as_fast() -> None:
    speed = only(side_of(case(2e-3)), side_of(case(1e-3)))
    assert (speed.name, speed.speedup) == ("matmul 64 float32", pytest.approx(2))
    assert (speed.unit, speed.candidate.rate) == (
        "GFLOP/s",
        pytest.approx(2 * speed.baseline.rate),
    )


@pytest.mark.parametrize(
    ("changes", "unit", "rate"),
    [
        ({"kind": Kind.COPY, "flops": 0, "bytes": 10**9}, "GB/s", 1e3),
        ({"kind": Kind.LAUNCH, "flops": 0}, "s", 1e-3),
        ({"kind": Kind.TRAIN}, "s", 1e-3),
    ],
)
def test_the_unit_is_what_tells_most(changes: dict[str, Any], unit: str, rate: float) -> None:
    one = side_of(case(1e-3, **changes))
    assert (only(one, one).unit, only(one, one).baseline.rate) == (unit, pytest.approx(rate))


def test_five_samples_are_unclear_however_far_apart() -> None:
    few = case(timing=timing(9.0, samples=5))
    speed = only(side_of(few), side_of(case()))
    assert (speed.interval, speed.verdict) == (None, Verdict.UNCLEAR)


def test_transfers_count_where_one_side_has_them() -> None:
    gpu = case(1e-3, transfer_sec=3e-3, timing=timing(method=CUDA_EVENTS))
    speed = only(side_of(case(8e-3)), side_of(gpu, device=GPU))
    assert speed.speedup == pytest.approx(8)
    assert speed.speedup_with_transfers == pytest.approx(2)


def test_without_transfers_there_is_no_speed_up_with_them() -> None:
    assert only(side_of(case()), side_of(case())).speedup_with_transfers is None


def test_errors_and_regimes_of_both_sides_stand_beside_the_speed() -> None:
    rated = case(error_share=0.9, rating=Rating(Regime.COMPUTE, 0.5, 0.9))
    speed = only(side_of(case()), side_of(rated))
    assert (speed.baseline.error_share, speed.candidate.error_share) == (0.5, 0.9)
    assert (speed.baseline.regime, speed.candidate.regime) == (None, Regime.COMPUTE)


def runs_of(*seconds: float, first_minute: int = 0) -> Side:
    """A run for each of these times, two minutes apart."""
    minutes = range(first_minute, first_minute + 2 * len(seconds), 2)
    return side(*(run(case(sec), minute=at) for sec, at in zip(seconds, minutes, strict=True)))


def test_runs_that_drift_together_are_the_same() -> None:
    drifting = (1e-3, 1.5e-3, 2e-3)
    speed = only(runs_of(*drifting), runs_of(*drifting, first_minute=1))
    assert (speed.verdict, speed.basis) == (Verdict.SAME, Basis.PAIRED)


def test_a_run_that_one_side_lacks_is_left_out_of_the_pairs() -> None:
    malformed = replace(case(), status=CaseStatus.INVALID, reason="throttled", timing=None)
    a = runs_of(1e-3, 2e-3, 4e-3)
    b = side(a.runs[0], replace(a.runs[1], cases=(malformed,)), a.runs[2])
    speed = only(a, b)
    assert (speed.baseline.runs, speed.candidate.runs, speed.verdict) == (2, 2, Verdict.SAME)


def test_a_result_that_is_wrong_in_one_run_makes_the_case_wrong() -> None:
    wrong = replace(case(), status=CaseStatus.WRONG, reason="off by 7", timing=None)
    a = runs_of(1e-3, 1e-3)
    b = side(a.runs[0], replace(a.runs[1], cases=(wrong,)))
    assert pair(a, b).unpaired[0].reason == "wrong in the candidate: off by 7"


@pytest.mark.parametrize(("first_minute", "interleaved"), [(1, True), (60, False)])
def test_it_is_known_whether_runs_took_turns(first_minute: int, interleaved: bool) -> None:
    a, b = runs_of(1e-3, 1e-3), runs_of(1e-3, 1e-3, first_minute=first_minute)
    assert compare(a, b).interleaved is interleaved


def test_other_thread_counts_of_one_cpu_are_reported() -> None:
    b = side_of(case(), device=replace(CPU, threads=1))
    assert compare(side_of(case()), b).varied_threads == (1, 2)
    assert compare(side_of(case()), side_of(case())).varied_threads == ()


def test_the_thread_counts_of_two_devices_do_not_matter() -> None:
    other_cpu = side_of(case(), device=replace(CPU, name="another", threads=1))
    assert compare(side_of(case()), other_cpu).varied_threads == ()
    gpus = [side_of(case(), device=replace(GPU, threads=threads)) for threads in (1, 2)]
    assert compare(*gpus).varied_threads == ()


def test_all_versions_are_reported_where_runs_differ() -> None:
    runs = [replace(run(case()), versions={"torch": version}) for version in ("2.12", "2.13")]
    assert compare(side(*runs), side_of(case())).baseline.versions == {"torch": ("2.12", "2.13")}


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 1e-7}, {"dtype": "float64"}])
def test_losses_of_other_options_are_not_compared(change: dict[str, Any]) -> None:
    assert disagreements([TRAINING], [replace(TRAINING, **change)]) == []


def test_losses_of_another_number_of_steps_are() -> None:
    (found,) = disagreements([TRAINING], [replace(TRAINING, steps=9, losses=(9e6, 4e6))])
    assert (found.name, found.error) == ("train book eager float32", 0.0)


def test_of_several_runs_the_worst_disagreement_counts() -> None:
    other = replace(TRAINING, losses=(9e6, 4e6, 2.25e6))
    for a, b in pairwise(([TRAINING] * 2, [TRAINING, other], [TRAINING])):
        (found,) = disagreements(a, b)
        assert found.error == pytest.approx(500 / 3000)


def test_a_disagreement_is_measured_in_the_root_of_the_first_loss() -> None:
    assert loss_disagreement((9e6, 4e6), (9e6, 1e6)) == pytest.approx(1 / 3)


def test_a_loss_that_is_not_finite_has_no_error_and_is_the_worst() -> None:
    assert loss_disagreement((9e6, None), (9e6, 1e6)) is None
    a, b = (
        side_of(
            case(), trainings=[replace(TRAINING, losses=(9e6, last)), replace(TRAINING, seed=1)]
        )
        for last in (None, 1e6)
    )
    worst = compare(a, b).worst_disagreement
    assert worst is not None
    assert (worst.error, worst.ok) == (None, False)
