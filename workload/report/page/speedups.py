"""The jobs that a CPU and a GPU both did, and how many times faster the GPU was. Pure."""

from dataclasses import dataclass

from workload.compare import Speed, pair
from workload.compare.loader import Run, Side
from workload.core.cases import Case, Kind
from workload.core.train_spec import PRESETS
from workload.core.units import format_rate, format_seconds
from workload.report.page.subjects import Subject, short
from workload.report.terminal.case_table import case_row

# A launch is another thing on each side.
COMPARED = (Kind.MATMUL, Kind.CONVOLUTION, Kind.TRAIN, Kind.COPY)
MAX_TITLE, MAX_REASON = 40, 200  # characters
_PRESET_NAMES: dict[tuple[int, ...], str] = {
    (spec.batch_size, spec.input_size, spec.hidden_size, spec.output_size): name
    for name, spec in reversed(PRESETS.items())
}


@dataclass(frozen=True)
class Speedup:
    """One job: what each side reached, in words, and the ratio of their times."""

    title: str
    cpu: str
    gpu: str
    times: float
    interval: tuple[float, float] | None  # 95 %
    times_with_transfers: float | None


@dataclass(frozen=True)
class Speedups:
    """All of them, and a line for each job that both have but that cannot be compared."""

    found: tuple[Speedup, ...]
    refused: tuple[str, ...]


def speedups(cpu: Subject, gpu: Subject) -> Speedups:
    """As `workload compare` judges it, with the CPU as A."""
    pairing = pair(_side(cpu), _side(gpu))
    titles = {case.name: title_of(case) for case in cpu.cases if case.kind in COMPARED}
    return Speedups(
        found=tuple(
            _speedup(titles.get(speed.name, short(speed.name, MAX_TITLE)), speed)
            for speed in pairing.speeds
            if not speed.name.startswith(Kind.LAUNCH)
        ),
        refused=tuple(
            short(f"{refusal.name}: {refusal.reason}", MAX_REASON) for refusal in pairing.refusals
        ),
    )


def _side(subject: Subject) -> Side:
    """What is shown of a device, as one process run."""
    run = subject.run
    source = Run(
        source=run.source,
        kind=run.kind,
        started_at=run.started_at,
        device=subject.device,
        cases=subject.cases,
        trainings=subject.trainings,
        ceilings=subject.ceilings,
        versions={},
    )
    return Side(subject.label, subject.device, (source,))


def _speedup(title: str, speed: Speed) -> Speedup:
    cpu, gpu = (_reached(side.rate, speed.unit) for side in (speed.a, speed.b))
    with_transfers = speed.speedup_with_transfers
    return Speedup(title, cpu, gpu, speed.speedup, speed.interval, with_transfers)


def _reached(rate: float, unit: str) -> str:
    return format_seconds(rate) if unit == "s" else f"{format_rate(rate)} {unit}"


def title_of(case: Case) -> str:
    """A case as a person calls it: a training by its preset."""
    if case.kind is not Kind.TRAIN:
        return short(" ".join(case_row(case)[:2]), MAX_TITLE)
    name = _PRESET_NAMES.get(case.shape)
    label = " ".join(filter(None, (name, case.variant))) if name else case.label
    return short(f"train {label} {case.dtype}", MAX_TITLE)
