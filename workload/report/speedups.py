"""The jobs that a CPU and a GPU both did, and how many times faster the GPU was. Pure."""

import math
from dataclasses import dataclass, fields

from workload.cases import Case, Kind
from workload.render_cases import case_row
from workload.report.subjects import Subject, short
from workload.results import TrainResult
from workload.train_spec import TrainSpec
from workload.units import format_rate, format_seconds

# A launch and a transfer are another thing on each side.
COMPARED = (Kind.MATMUL, Kind.CONVOLUTION, Kind.TRAIN, Kind.COPY)
TRAIN_IDENTITY = tuple(field.name for field in fields(TrainSpec) if field.name != "steps")


@dataclass(frozen=True)
class Speedup:
    """One job: what each side reached, in words, and the ratio of their times."""

    name: str
    cpu: str
    gpu: str
    times: float


def speedups(cpu: Subject, gpu: Subject) -> list[Speedup]:
    """Of the cases and trainings that both have a valid time of."""
    return [*_of_cases(cpu, gpu), *_of_trainings(cpu, gpu)]


def _of_cases(cpu: Subject, gpu: Subject) -> list[Speedup]:
    others = {case.name: case for case in gpu.cases}
    found = []
    for case in cpu.cases:
        other = others.get(case.name)
        if other is None or case.kind not in COMPARED:
            continue
        a_sec, b_sec = _valid_sec(case), _valid_sec(other)
        if a_sec and b_sec and math.isfinite(a_sec / b_sec):
            name = short(" ".join(case_row(case)[:2]), 40)
            found.append(Speedup(name, _rate(case), _rate(other), a_sec / b_sec))
    return found


def _valid_sec(case: Case) -> float | None:
    return case.median_sec if case.gflops or case.gbs else None


def _rate(case: Case) -> str:
    if case.kind is Kind.TRAIN:
        return f"{format_seconds(case.median_sec or 0.0)} a step"
    if case.gflops is not None:
        return f"{format_rate(case.gflops)} GFLOP/s"
    return f"{format_rate(case.gbs or 0.0)} GB/s"


def _of_trainings(cpu: Subject, gpu: Subject) -> list[Speedup]:
    others = {identity(result): result for result in gpu.trainings}
    found = []
    for result in cpu.trainings:
        other = others.get(identity(result))
        a_sec, b_sec = result.median_step_sec, other.median_step_sec if other else None
        if a_sec and b_sec and math.isfinite(a_sec / b_sec):
            words = [f"{format_seconds(seconds)} a step" for seconds in (a_sec, b_sec)]
            found.append(Speedup(training_name(result), words[0], words[1], a_sec / b_sec))
    return found


def identity(result: TrainResult) -> tuple[object, ...]:
    """What must be equal for two trainings to be the same job: all but the length."""
    return tuple(getattr(result, name) for name in TRAIN_IDENTITY)


def training_name(result: TrainResult) -> str:
    """As a person calls it."""
    sizes = (result.batch_size, result.input_size, result.hidden_size, result.output_size)
    return f"train {short(result.preset or 'x'.join(map(str, sizes)), 20)} {result.dtype}"
