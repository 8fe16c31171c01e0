"""Choose the newest run of each device for the page, and compare a CPU with a GPU."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from workload.compare import pairing
from workload.compare.loader import Side
from workload.compare.run import HOST, PYTEST_BENCHMARK, Run
from workload.core.case_titles import full_title
from workload.core.errors import ExitCode
from workload.core.models.case import Case, Kind
from workload.core.models.device import DeviceInfo
from workload.core.units import printable
from workload.report.terminal.comparison_table import rate_words

MAX_OF_A_KIND = 2  # the largest number of CPUs, and of GPUs, that are shown in detail
MAX_CASES = 400  # of one device: keeps charts and tables readable and the page small
MAX_NAME, MAX_TITLE, MAX_REASON = 60, 40, 200  # characters

# The most complete kind comes first; of one kind, the newest run is chosen.
_RANK = {"run": 0, HOST: 1, PYTEST_BENCHMARK: 2}


@dataclass(frozen=True)
class Subject:
    """One device with its newest results.

    `run` is the newest run of the most complete kind. `cases` has the cases of `run`, then the
    other cases of the device's newest benchmarks.
    """

    label: str  # "CPU", "GPU 2"
    device: DeviceInfo
    run: Run
    sources: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def title(self) -> str:
        """The label and, for a rank that ran on a share of the CPUs, the rank."""
        return f"{self.label}, {self.run.part}" if _is_share(self.run) else self.label

    @property
    def name(self) -> str:
        """The title and the name of the device."""
        return f"{self.title} · {short(self.device.name)}"

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.kind == "cuda"


def short(text: str, length: int = MAX_NAME) -> str:
    """Shorten text from a file to one line without control characters."""
    line = printable(" ".join(text[: 4 * length].split()))
    return line if len(line) <= length else f"{line[: length - 1]}…"


def subjects(runs: Sequence[Run]) -> list[Subject]:
    """Return the CPUs, then the GPUs, that have the newest runs. `runs` must be newest first."""
    found: dict[tuple[str, str], list[Run]] = {}
    for one in runs:
        for run in (one, one.host):
            if run is not None and run.device is not None:
                found.setdefault((run.device.kind, run.device.name), []).append(run)
    chosen = []
    for kind, label in (("cpu", "CPU"), ("cuda", "GPU")):
        groups = [group for (of, _), group in found.items() if of == kind][:MAX_OF_A_KIND]
        for index, group in enumerate(groups):
            chosen.append(_subject(label if len(groups) == 1 else f"{label} {index + 1}", group))
    return chosen


def file_of(run: Run) -> str:
    """Return the file of a run: its source without the name of its part."""
    return run.source.removesuffix(f" ({run.part})") if run.part else run.source


def by_record(runs: Iterable[Run]) -> list[list[Run]]:
    """Group runs by record. A record has one run, or one run for each of its ranks."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(file_of(run), []).append(run)
    return list(found.values())


def _is_share(run: Run) -> bool:
    return bool(run.part and run.device and run.device.kind == "cpu")


def _rank(run: Run) -> tuple[int, bool]:
    """Return a sort key: the kind; within a kind, CPU ranks that passed come last."""
    return _RANK.get(run.kind, len(_RANK)), _is_share(run) and run.exit_code is ExitCode.OK


def _subject(label: str, group: Sequence[Run]) -> Subject:
    main = min(group, key=_rank)  # of equal runs, the newest
    extra = next((run for run in group if run.kind == PYTEST_BENCHMARK and run is not main), None)
    known = {case.name for case in main.cases}
    more = [case for case in extra.cases if case.name not in known] if extra else []
    assert main.device is not None  # noqa: S101  every run of a group has one
    return Subject(
        label=label,
        device=main.device,
        run=main,
        sources=tuple(run.source for run in (main, extra) if run is not None),
        cases=(*main.cases, *more)[:MAX_CASES],
    )


def pair(chosen: Sequence[Subject]) -> tuple[Subject, Subject] | None:
    """Return a CPU and the newest GPU; None if one of them is missing.

    The CPU is that of the GPU's host or, if that is not known, the newest.
    """
    cpus = [subject for subject in chosen if not subject.is_gpu]
    gpu = next((subject for subject in chosen if subject.is_gpu), None)
    if gpu is None or not cpus:
        return None
    host = gpu.run.host.device.name if gpu.run.host and gpu.run.host.device else None
    return next((cpu for cpu in cpus if cpu.device.name == host), cpus[0]), gpu


@dataclass(frozen=True)
class Speedup:
    """One case: the result of each device, and the ratio of their times."""

    title: str
    cpu: str
    gpu: str
    times: float
    interval: tuple[float, float] | None  # 95%
    times_with_transfers: float | None


def speedups(cpu: Subject, gpu: Subject) -> tuple[list[Speedup], list[str]]:
    """Compare as `workload compare` does, with the CPU as the baseline.

    Return the speed-ups. Also return a line with the reason for each case that both devices ran
    without a comparable result.
    """
    paired = pairing.pair(_side(cpu), _side(gpu))
    found = [
        Speedup(
            short(speed.title, MAX_TITLE),
            rate_words(speed, speed.baseline),
            rate_words(speed, speed.candidate),
            speed.speedup,
            speed.interval,
            speed.speedup_with_transfers,
        )
        for speed in paired.speeds
        if not speed.name.startswith(Kind.LAUNCH)  # not comparable between CPU and GPU
    ]
    return found, [short(f"{one.title}: {one.reason}", MAX_REASON) for one in paired.unpaired]


def _side(subject: Subject) -> Side:
    """Return a side of a comparison: the cases of a device as one process run."""
    return Side(subject.label, subject.device, (replace(subject.run, cases=subject.cases),))


def title_of(case: Case) -> str:
    """Return the case's title, shortened to fit into a chart."""
    return short(full_title(case), MAX_TITLE)
