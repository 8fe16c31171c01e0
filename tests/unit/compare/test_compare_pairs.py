"""Which cases of two sides are a pair, and why others are not."""

import pytest
from msgspec.structs import replace
from support.records.measured import GPU, case, run, side, side_of, timing
from support.records.paired import only, reason

from workload.compare import Verdict, compare, pair
from workload.core.errors import WrongNumbersError
from workload.core.methods import COLD, CUDA_EVENTS, CUDA_GRAPH
from workload.core.models.case import Case, CaseStatus, Kind


def test_nothing_in_common_names_what_each_has() -> None:
    a, b = side_of(case()), side_of(case(dtype="float64"))
    assert reason(a, b) == (
        "no case in common: the baseline has matmul 64 float32, "
        "the candidate has matmul 64 float64; "
        "measure both with the same options"
    )


@pytest.mark.parametrize(
    "other",
    [
        case(size=65),
        case(dtype="tf32"),
        case(dtype="float64"),
        case(kind=Kind.CONVOLUTION),
        case(variant="fused"),
    ],
)
def test_other_shapes_precisions_kinds_and_modes_are_never_paired(other: Case) -> None:
    assert "no case in common" in reason(side_of(case()), side_of(other))


def timed_by(method: str) -> Case:
    return case(timing=timing(method=method))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (case(timing=timing(cache=COLD)), "warm caches in the baseline, cold in the candidate"),
        (
            timed_by(CUDA_GRAPH),
            "timed by host clock in the baseline, by CUDA graph in the candidate",
        ),
        (case(flops=5), "524288 FLOP in the baseline, 5 in the candidate"),
        (case(timing=None), "no time in the candidate"),
        (case(timing=timing(0.0)), "no time in the candidate"),
        (
            replace(case(), status=CaseStatus.INVALID, reason="throttled"),
            "invalid in the candidate: throttled",
        ),
        (
            replace(case(), status=CaseStatus.SKIPPED, reason="68 s"),
            "skipped in the candidate: 68 s",
        ),
        (replace(case(), status=CaseStatus.WRONG, reason="off"), "wrong in the candidate: off"),
    ],
)
def test_what_cannot_be_compared_says_why(other: Case, words: str) -> None:
    a = side_of(case())
    assert reason(a, side_of(other)) == f"nothing can be compared: matmul 64 float32: {words}"


def test_a_cpu_may_be_compared_with_a_gpu_whatever_their_clocks() -> None:
    gpu = side_of(timed_by(CUDA_GRAPH), device=GPU)
    assert only(side_of(case()), gpu).verdict is Verdict.SAME


def test_two_gpus_timed_in_two_ways_are_not_compared() -> None:
    a, b = (side_of(timed_by(method), device=GPU) for method in (CUDA_EVENTS, CUDA_GRAPH))
    assert "timed by CUDA events in the baseline, by CUDA graph in the candidate" in reason(a, b)


def test_one_side_timed_in_two_ways_is_not_compared() -> None:
    runs = [
        run(timed_by(method), device=GPU, minute=minute)
        for minute, method in enumerate((CUDA_EVENTS, CUDA_GRAPH))
    ]
    assert "timed in several ways in the baseline: CUDA events and CUDA graph" in reason(
        side(*runs), side_of(timed_by(CUDA_GRAPH), device=GPU)
    )


def test_warm_and_cold_cases_of_one_matmul_pair_each_with_its_own() -> None:
    both = side_of(case(1e-3), case(timing=timing(3e-3, cache=COLD)))
    names = [(speed.name, speed.baseline.sec) for speed in pair(both, both).speeds]
    assert names == [
        ("matmul 64 float32", pytest.approx(1e-3)),
        ("matmul 64 float32 (cold caches)", pytest.approx(3e-3)),
    ]


def test_a_case_that_was_measured_twice_in_one_run_is_not_paired() -> None:
    assert "measured twice in one run" in reason(side_of(case(), case()), side_of(case()))


def test_wrong_numbers_are_why_nothing_is_left() -> None:
    wrong = side_of(replace(case(), status=CaseStatus.WRONG, reason="off"))
    with pytest.raises(WrongNumbersError, match="wrong in the baseline: off"):
        compare(wrong, side_of(case()))


def test_cases_that_only_one_side_has_are_named() -> None:
    pairing = pair(side_of(case(), case(size=32)), side_of(case(), case(size=16)))
    assert (pairing.only_in_baseline, pairing.only_in_candidate) == (
        ("matmul 32 float32",),
        ("matmul 16 float32",),
    )
