"""The cases that a CPU and a GPU both ran, and how many times faster the GPU was. Pure."""

from dataclasses import dataclass

from workload.compare import Speed, pair
from workload.compare.loader import Side
from workload.compare.run import Run
from workload.core.case_titles import full_title
from workload.core.models.case import Case, Kind
from workload.core.units import format_rate, format_seconds
from workload.report.page.subjects import Subject, short

MAX_TITLE, MAX_REASON = 40, 200  # characters


@dataclass(frozen=True)
class Speedup:
    """One case: what each device reached, and the ratio of their times."""

    title: str
    cpu: str
    gpu: str
    times: float
    interval: tuple[float, float] | None  # 95%
    times_with_transfers: float | None


@dataclass(frozen=True)
class Speedups:
    """All speed-ups, and a line for each case that both have and that cannot be compared."""

    found: tuple[Speedup, ...]
    unpaired: tuple[str, ...]


def speedups(cpu: Subject, gpu: Subject) -> Speedups:
    """Compare as `workload compare` does, with the CPU as the baseline."""
    pairing = pair(_side(cpu), _side(gpu))
    return Speedups(
        found=tuple(
            _speedup(short(speed.title, MAX_TITLE), speed)
            for speed in pairing.speeds
            if not speed.name.startswith(Kind.LAUNCH)  # differs in kind between CPU and GPU
        ),
        unpaired=tuple(short(f"{one.title}: {one.reason}", MAX_REASON) for one in pairing.unpaired),
    )


def _side(subject: Subject) -> Side:
    """Return what is shown of a device as one process run."""
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
    cpu, gpu = (_reached(side.rate, speed.unit) for side in (speed.baseline, speed.candidate))
    with_transfers = speed.speedup_with_transfers
    return Speedup(title, cpu, gpu, speed.speedup, speed.interval, with_transfers)


def _reached(rate: float, unit: str) -> str:
    return format_seconds(rate) if unit == "s" else f"{format_rate(rate)} {unit}"


def title_of(case: Case) -> str:
    """Return the case's name in tables, as long as a chart has room for."""
    return short(full_title(case), MAX_TITLE)
