"""Two records side by side: pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from workload.cases import Case
from workload.errors import BadInputError
from workload.record import Record
from workload.results import TrainResult, from_json
from workload.train_spec import TrainSpec

# Fields that must agree before two trainings may be compared: all but the length.
TRAIN_IDENTITY = tuple(field.name for field in fields(TrainSpec) if field.name != "steps")
# Two correct float32 runs agree to a few units of rounding until rounding decides a ReLU
# differently in one of them; 500 steps of `book` against float64 then parted by 2.2e-4 at
# most (3 of 300 seeds, measured on a CPU). A run in bfloat16 parts by over 1e-2.
LOSS_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Speed:
    """One job on both sides: a rate or a time, and how many times faster B is than A."""

    name: str
    unit: str  # "GFLOP/s", or "s" for the time of a training step
    a: float
    b: float
    speedup: float


@dataclass(frozen=True)
class Disagreement:
    """How far two loss trajectories part, in the metric of `verify`'s trajectory check.

    `error` is the largest |sqrt(loss A) - sqrt(loss B)| over sqrt(first loss). Two correct
    runs stay within `tolerance`, LOSS_TOLERANCE.
    """

    name: str
    error: float | None  # None: a loss is not finite
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether both runs may be correct."""
        return self.error is not None and self.error <= self.tolerance


@dataclass(frozen=True)
class Comparison:
    """What two records have in common. `worst` is the largest disagreement, if any is known."""

    a: str
    b: str
    speeds: tuple[Speed, ...]
    disagreements: tuple[Disagreement, ...]

    @property
    def worst(self) -> Disagreement | None:
        """The disagreement that uses most of its tolerance; one without an error is worst."""
        if not self.disagreements:
            return None
        return max(
            self.disagreements,
            key=lambda d: float("inf") if d.error is None else d.error / d.tolerance,
        )


def compare(a: Record, b: Record) -> Comparison:
    """Pairs equal shapes and dtypes. Raises BadInputError if nothing can be paired."""
    pairs = pair_trainings(train_results(a), train_results(b))
    speeds = (*speeds_of_cases(cases_of(a), cases_of(b)), *speeds_of_trainings(pairs))
    if not speeds:
        raise BadInputError(
            "the two records share no measured case (size and dtype, or training): "
            "make both with the same options"
        )
    disagreements = tuple(
        _disagreement(one, other) for one, other in pairs if one.losses and other.losses
    )
    return Comparison(_name(a), _name(b), speeds, disagreements)


def loss_disagreement(a: tuple[float | None, ...], b: tuple[float | None, ...]) -> float | None:
    """Largest |sqrt(a) - sqrt(b)| over sqrt(first loss), over the steps both have.

    None if one of the losses is not finite, or the first is 0 and others are not.
    """
    if a == b and None not in a:
        return 0.0
    shared = list(zip(a, b, strict=False))
    values = [(one, other) for one, other in shared if one is not None and other is not None]
    if len(values) < len(shared) or not values or not values[0][0]:
        return None
    return max(abs(math.sqrt(one) - math.sqrt(other)) for one, other in values) / math.sqrt(
        values[0][0]
    )


def cases_of(record: Record) -> list[Case]:
    """The cases of a record."""
    return [from_json(Case, case) for case in record["cases"] or []]


def train_results(record: Record) -> list[TrainResult]:
    """The training runs of a record."""
    return [from_json(TrainResult, result) for result in record["train"] or []]


def speeds_of_cases(a: Sequence[Case], b: Sequence[Case]) -> list[Speed]:
    """GFLOP/s of the cases that both sides measured, in the order of A."""
    rates = {case.name: case.gflops for case in b}
    speeds = []
    for case in a:
        other = rates.get(case.name)
        if case.gflops and other:
            speeds.append(Speed(case.name, "GFLOP/s", case.gflops, other, other / case.gflops))
    return speeds


def pair_trainings(
    a: Sequence[TrainResult], b: Sequence[TrainResult]
) -> list[tuple[TrainResult, TrainResult]]:
    """The trainings that both sides ran with the same options, but perhaps another length."""
    others = {_identity(result): result for result in b}
    return [(one, others[_identity(one)]) for one in a if _identity(one) in others]


def speeds_of_trainings(pairs: list[tuple[TrainResult, TrainResult]]) -> list[Speed]:
    """Seconds a step on both sides."""
    speeds = []
    for one, other in pairs:
        a_sec, b_sec = one.median_step_sec, other.median_step_sec
        if a_sec and b_sec:
            speeds.append(Speed(_train_name(one), "s", a_sec, b_sec, a_sec / b_sec))
    return speeds


def _disagreement(one: TrainResult, other: TrainResult) -> Disagreement:
    error = loss_disagreement(one.losses, other.losses)
    return Disagreement(_train_name(one), error, LOSS_TOLERANCE)


def _identity(result: TrainResult) -> tuple[Any, ...]:
    return tuple(getattr(result, name) for name in TRAIN_IDENTITY)


def _train_name(result: TrainResult) -> str:
    size = f"{result.batch_size}x{result.input_size}x{result.hidden_size}x{result.output_size}"
    return f"train {result.preset or size} {result.dtype}"


def _name(record: Record) -> str:
    device = record["device"] or {}
    return f"{device.get('torch_name', '?')} {device.get('name', '?')}"
