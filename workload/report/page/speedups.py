"""The cases that a CPU and a GPU both ran, and how many times faster the GPU was. Pure."""

from dataclasses import dataclass

from msgspec.structs import replace

from workload.compare import Speed, pair
from workload.compare.loader import Side
from workload.core.case_titles import full_title
from workload.core.models.case import Case, Kind
from workload.report.page.subjects import Subject, short
from workload.report.terminal.comparison_table import rate_words

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


def speedups(cpu: Subject, gpu: Subject) -> tuple[list[Speedup], list[str]]:
    """Compare as `workload compare` does, with the CPU as the baseline.

    Return the speed-ups, and a line for each case that both have and that cannot be compared.
    """
    pairing = pair(_side(cpu), _side(gpu))
    found = [
        _speedup(speed)
        for speed in pairing.speeds
        if not speed.name.startswith(Kind.LAUNCH)  # differs in kind between CPU and GPU
    ]
    return found, [short(f"{one.title}: {one.reason}", MAX_REASON) for one in pairing.unpaired]


def _side(subject: Subject) -> Side:
    """Return what is shown of a device as one process run."""
    return Side(subject.label, subject.device, (replace(subject.run, cases=subject.cases),))


def _speedup(speed: Speed) -> Speedup:
    return Speedup(
        short(speed.title, MAX_TITLE),
        rate_words(speed, speed.baseline),
        rate_words(speed, speed.candidate),
        speed.speedup,
        speed.interval,
        speed.speedup_with_transfers,
    )


def title_of(case: Case) -> str:
    """Return the case's name in tables, as long as a chart has room for."""
    return short(full_title(case), MAX_TITLE)
