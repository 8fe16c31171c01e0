"""Choose the runs that the page shows in detail, the newest of each device, and compare two."""

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

MAX_OF_A_KIND = 2  # CPUs, and GPUs, in detail
MAX_CASES = 400  # of one device; charts and tables stay readable, the page small
MAX_NAME, MAX_TITLE, MAX_REASON = 60, 40, 200  # characters

# The most complete kind first; among equals the newest.
_RANK = {"run": 0, HOST: 1, PYTEST_BENCHMARK: 2}


@dataclass(frozen=True)
class Subject:
    """One device with its newest results.

    `run` is the newest of the most complete kind. `cases` are its own and, from the device's
    newest benchmarks, those that it does not have.
    """

    label: str  # "CPU", "GPU 2"
    device: DeviceInfo
    run: Run
    sources: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def title(self) -> str:
        """The label, which notes that a rank on CPUs has only a share of them."""
        return f"{self.label}, {self.run.part}" if _is_share(self.run) else self.label

    @property
    def name(self) -> str:
        """Title and device."""
        return f"{self.title} · {short(self.device.name)}"

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.kind == "cuda"


def short(text: str, length: int = MAX_NAME) -> str:
    """Shorten a file's text to one line without control characters."""
    line = printable(" ".join(text[: 4 * length].split()))
    return line if len(line) <= length else f"{line[: length - 1]}…"


def subjects(runs: Sequence[Run]) -> list[Subject]:
    """Return CPUs, then GPUs, of each kind those with the newest runs. `runs` are newest first."""
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
    """Return the file of a run, whose source also names its part."""
    return run.source.removesuffix(f" ({run.part})") if run.part else run.source


def by_record(runs: Iterable[Run]) -> list[list[Run]]:
    """Return the runs of each record together: one, or those of its ranks."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(file_of(run), []).append(run)
    return list(found.values())


def _is_share(run: Run) -> bool:
    return bool(run.part and run.device and run.device.kind == "cpu")


def _rank(run: Run) -> tuple[int, bool]:
    """Order runs by kind; of one kind, CPU ranks that passed come last."""
    return _RANK.get(run.kind, len(_RANK)), _is_share(run) and run.exit_code is ExitCode.OK


def _subject(label: str, group: Sequence[Run]) -> Subject:
    main = min(group, key=_rank)  # the first of equals
    extra = next((run for run in group if run.kind == PYTEST_BENCHMARK and run is not main), None)
    known = {case.name for case in main.cases}
    more = [case for case in extra.cases if case.name not in known] if extra else []
    assert main.device is not None  # noqa: S101  only such runs are in a group
    return Subject(
        label=label,
        device=main.device,
        run=main,
        sources=tuple(run.source for run in (main, extra) if run is not None),
        cases=(*main.cases, *more)[:MAX_CASES],
    )


def pair(chosen: Sequence[Subject]) -> tuple[Subject, Subject] | None:
    """Return the newest GPU and a CPU, of the same host if known; None if one is missing."""
    cpus = [subject for subject in chosen if not subject.is_gpu]
    gpu = next((subject for subject in chosen if subject.is_gpu), None)
    if gpu is None or not cpus:
        return None
    host = gpu.run.host.device.name if gpu.run.host and gpu.run.host.device else None
    return next((cpu for cpu in cpus if cpu.device.name == host), cpus[0]), gpu


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
        if not speed.name.startswith(Kind.LAUNCH)  # differs in kind between CPU and GPU
    ]
    return found, [short(f"{one.title}: {one.reason}", MAX_REASON) for one in paired.unpaired]


def _side(subject: Subject) -> Side:
    """Return what is shown of a device as one process run."""
    return Side(subject.label, subject.device, (replace(subject.run, cases=subject.cases),))


def title_of(case: Case) -> str:
    """Return the case's name in tables, as long as a chart has room for."""
    return short(full_title(case), MAX_TITLE)
