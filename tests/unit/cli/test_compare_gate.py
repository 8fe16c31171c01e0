"""`compare --fail-if-slower` judges no case that something beside the code made slower."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.outcome import Outcome
from support.records.measured import (
    COMPATIBLE,
    CPU,
    GPU,
    HARMLESS,
    case,
    contended,
    timing,
    write_benchmarks,
    write_record,
)

from workload.core.errors import ExitCode
from workload.core.methods import CUDA_EVENTS
from workload.core.models.case import Case
from workload.core.models.variable import Variable

GATE = ("--fail-if-slower", "5%")
SLOW = 2e-3
TF32 = Variable("NVIDIA_TF32_OVERRIDE", "0", "speed and bits", ("cuda",))
BITS_ONLY = Variable("SOME_MODE", "1", "bits", ("cpu",))
Write = Callable[..., Path]
Gate = Callable[..., Outcome]


def write_run(folder: Path, *cases: Case, **changes: Any) -> Path:
    return write_record(folder, *cases, **changes)


def write_file(folder: Path, *cases: Case, **changes: Any) -> Path:
    return write_benchmarks(folder / "0001.json", *cases, **changes)


@pytest.fixture(params=[write_run, write_file], ids=["records", "benchmarks"])
def gate(request: pytest.FixtureRequest, tmp_path: Path, workload: Callable[..., Outcome]) -> Gate:
    """`gate(a, b, *options, candidate={…})`: both sides of both kinds of file, compared."""

    def call(
        a: list[Case], b: list[Case], *options: str, candidate: dict[str, Any] | None = None
    ) -> Outcome:
        baseline = request.param(tmp_path / "a", *a)
        other = request.param(tmp_path / "b", *b, **candidate or {})
        return workload("compare", baseline, other, *GATE, *options)

    return call


BIASES = [
    ({"device": replace(CPU, threads=1)}, "the runs used 1 and 2 threads"),
    (
        {"device": replace(CPU, binding="OMP_PROC_BIND=true bound the main thread to CPU 0")},
        "OpenMP did not bind the threads of all runs in the same way",
    ),
    (
        {"variables": [COMPATIBLE]},
        "MKL_CBWR is not set in the baseline, COMPATIBLE in the candidate",
    ),
]


@pytest.mark.parametrize(("candidate", "reason"), BIASES)
def test_what_is_biased_ends_with_4_and_is_named(
    candidate: dict[str, Any], reason: str, gate: Gate
) -> None:
    both = [case(), case(size=32)]
    outcome = gate(both, [case(SLOW), case(SLOW, size=32)], candidate=candidate)
    assert outcome.code == ExitCode.UNFIT
    assert outcome.stderr == (
        f"workload compare: no case could be judged: {reason} (2 cases): "
        "measure both sides in the same way, on an idle machine\n"
    )
    assert f"unjudged {reason}: matmul 64 float32, matmul 32 float32" in outcome.text
    assert outcome.text.count("matmul 32 float32") == 2  # in the table, and with the reason
    assert "summary 2 UNJUDGED; the candidate" in outcome.text
    assert "SLOWER" not in outcome.text


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_without_the_gate_a_contended_case_is_not_judged_and_not_called_noisy(
    side: str, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    both = [case(timing=contended()), case(timing=contended(SLOW))]
    if side == "baseline":
        both[1] = case(0.9e-3)
    else:
        both[0] = case()
    paths = [write_record(tmp_path / name, one) for name, one in zip("ab", both, strict=True)]
    outcome = workload("compare", *paths)
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    assert "summary 1 UNJUDGED; the candidate" in outcome.text
    assert f"unjudged slowed by other processes in the {side}: " in outcome.text
    for word in ("SLOWER", "FASTER", "noisy"):
        assert word not in outcome.text
    (speed,) = json.loads(workload("compare", *paths, "--json").stdout)["speeds"]
    assert speed["verdict"] == "UNJUDGED"
    assert speed["unjudged"].startswith(f"slowed by other processes in the {side}: ")


@pytest.mark.parametrize(
    "candidate", [{"variables": [TF32]}, {"variables": [BITS_ONLY]}, {"variables": [HARMLESS]}]
)
def test_a_variable_that_does_not_change_this_speed_is_no_excuse(
    candidate: dict[str, Any], gate: Gate
) -> None:
    assert gate([case()], [case(SLOW)], candidate=candidate).code == ExitCode.TOO_SLOW


def test_a_training_with_another_number_of_threads_is_not_judged(gate: Gate) -> None:
    one, two = replace(case(SLOW), threads=1), replace(case(), threads=2)
    outcome = gate([two, case(size=32)], [one, case(size=32)])
    assert outcome.code == ExitCode.OK
    assert "unjudged the runs of the case used 1 and 2 threads: matmul 64 float32" in outcome.text


def test_trainings_on_two_cpus_are_judged_with_their_own_numbers_of_threads(gate: Gate) -> None:
    two, one = replace(case(), threads=2), replace(case(SLOW), threads=1)
    outcome = gate([two], [one], candidate={"device": replace(CPU, name="another CPU")})
    assert outcome.code == ExitCode.TOO_SLOW


def test_how_threads_are_bound_to_two_cpus_is_not_compared(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    paths = [
        write_record(tmp_path / name, case(sec), device=replace(CPU, name=name, binding=name))
        for name, sec in (("one CPU", 1e-3), ("another CPU", SLOW))
    ]
    assert workload("compare", *paths, *GATE).code == ExitCode.TOO_SLOW


@pytest.mark.parametrize("change", [{"threads": 1}, {"binding": "OMP_PROC_BIND=true"}])
def test_a_gpu_is_judged_with_other_threads_of_its_host(change: dict[str, Any], gate: Gate) -> None:
    timed = timing(method=CUDA_EVENTS)
    slow = timing(SLOW, method=CUDA_EVENTS)
    device = replace(GPU, **change)
    outcome = gate([case(timing=timed)], [case(timing=slow)], candidate={"device": device})
    assert outcome.code == ExitCode.TOO_SLOW


def test_a_contended_case_does_not_fail_the_gate_and_others_do(gate: Gate) -> None:
    a = [case(), case(size=32)]
    outcome = gate(a, [case(timing=contended(SLOW)), case(size=32)])
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    assert (
        "unjudged slowed by other processes in the candidate: "
        "matmul 64 float32 (up to 40% of the time)"
    ) in outcome.text


def test_beside_a_contended_case_a_slow_one_ends_with_5(gate: Gate) -> None:
    a = [case(), case(size=32)]
    outcome = gate(a, [case(timing=contended(SLOW)), case(SLOW, size=32)])
    assert outcome.code == ExitCode.TOO_SLOW
    assert "slower by over 5%: matmul 32 float32 at 0.500 times" in outcome.stderr
    assert "matmul 64" not in outcome.stderr


def test_a_contended_baseline_is_not_judged_either(gate: Gate) -> None:
    outcome = gate([case(timing=contended())], [case()])
    assert outcome.code == ExitCode.UNFIT
    assert "slowed by other processes in the baseline (1 case)" in outcome.stderr


@pytest.mark.parametrize(
    ("seconds", "share", "code"),
    [
        (2e-3, 0.1, ExitCode.TOO_SLOW),  # at most a fifth of its median came from waiting
        (1.2e-3, 0.1, ExitCode.UNFIT),
        (2e-3, 0.24, ExitCode.UNFIT),
    ],
)
def test_a_contended_case_fails_the_gate_if_it_is_slower_without_its_waits(
    seconds: float, share: float, code: ExitCode, gate: Gate
) -> None:
    outcome = gate([case()], [case(timing=contended(seconds, share))])
    assert outcome.code == code
    assert ("unjudged" in outcome.stdout) == (code == ExitCode.UNFIT)


def test_the_waits_of_the_baseline_do_not_excuse_the_candidate(gate: Gate) -> None:
    outcome = gate([case(timing=contended())], [case(SLOW)])
    assert outcome.code == ExitCode.TOO_SLOW


def test_strict_ends_with_5_where_a_case_is_not_judged(gate: Gate) -> None:
    a = [case(), case(size=32)]
    outcome = gate(a, [case(timing=contended()), case(size=32)], "--strict")
    assert outcome.code == ExitCode.TOO_SLOW
    assert outcome.stderr == (
        "workload compare: some cases were not judged: slowed by other processes in the "
        "candidate (1 case): measure both sides in the same way, on an idle machine\n"
    )


def test_strict_passes_where_all_cases_are_judged(gate: Gate) -> None:
    assert gate([case()], [case()], "--strict").code == ExitCode.OK


def test_strict_alone_is_refused(workload: Callable[..., Outcome]) -> None:
    outcome = workload("compare", "a", "b", "--strict")
    assert outcome.code == ExitCode.BAD_INPUT
    assert "--strict makes --fail-if-slower stricter: give --fail-if-slower" in outcome.stderr


@pytest.mark.parametrize(
    "slow",
    [
        replace(timing(SLOW), steady=False),
        replace(timing(), samples_sec=(1.9e-3,) * 10 + (2.5e-3,) * 10),
    ],
    ids=["not steady", "noisy"],
)
def test_noise_is_no_excuse(slow: Any, gate: Gate) -> None:
    outcome = gate([case()], [case(timing=slow)])
    assert outcome.code == ExitCode.TOO_SLOW
    assert "noisy or unsteady in the candidate: 1 of 1" in outcome.text


def test_too_few_samples_for_an_interval_are_not_judged(gate: Gate) -> None:
    outcome = gate([case()], [case(timing=timing(SLOW, samples=3))])
    assert outcome.code == ExitCode.UNFIT
    assert "no case could be judged: too few samples for an interval (1 case)" in outcome.stderr


def test_times_that_mean_different_things_are_not_judged(gate: Gate) -> None:
    a = [case(), case(size=32)]
    other = case(SLOW, size=32, timing=timing(SLOW, cache="cold"))
    outcome = gate(a, [case(), other], "--strict")
    assert outcome.code == ExitCode.TOO_SLOW
    assert "warm caches in the baseline, cold in the candidate (1 case)" in outcome.stderr
    assert outcome.text.count("cold in the candidate: matmul 32 float32") == 1


@pytest.mark.parametrize(("busy", "code"), [(1, ExitCode.TOO_SLOW), (2, ExitCode.UNFIT)])
def test_a_side_counts_as_contended_where_half_of_its_runs_were(
    busy: int, code: ExitCode, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    for minute in range(3):
        write_benchmarks(tmp_path / "a" / f"{minute}.json", case(), minute=2 * minute)
        slow = contended(1.1e-3) if minute < busy else timing(1.1e-3)
        write_benchmarks(
            tmp_path / "b" / f"{minute}.json", case(timing=slow), minute=2 * minute + 1
        )
    assert workload("compare", tmp_path / "a", tmp_path / "b", *GATE).code == code


def test_the_json_has_the_unjudged_and_the_differences(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    a = write_record(tmp_path / "a", case())
    b = write_record(tmp_path / "b", case(), variables=[COMPATIBLE])
    document = json.loads(workload("compare", a, b, "--json").stdout)
    assert [one["title"] for one in document["unjudged"]] == ["matmul 64 float32"]
    assert document["differences"][0]["candidate"] == ["COMPATIBLE"]
