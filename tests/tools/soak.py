"""Look for leaks: many runs in a process each, then many in one process.

    docker/build cpu-test
    LIMITS="--memory 3g --cpus 1" docker/host/in-docker cpu-test \\
        python tests/tools/soak.py --runs 200 --minutes 10

After each run: its peak memory, and the memory, processes and temporary files it leaves behind in
the container. (Records in a tmpfs count as memory, some 80 kB a run.) Within one process, after
each run: its memory, open files and threads. Exit code 1: a run fails, a record is not valid, or
the 95 % interval of the growth over all runs lies above MAX_GROWTH.
"""

import argparse
import contextlib
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from workload.compare.intervals import t_quantile
from workload.core.records import load

RUN = ("run", "--device", "cpu", "--budget", "2")
WARM_UP = 0.2  # of the runs in one process, until allocators and libraries have settled
MIN_SAMPLES = 3
MIB = 1 << 20
# Over all runs, by unit: more is a leak, less may be fragmentation.
MAX_GROWTH = {"MiB": 32.0, "": 0.5}

Sample = dict[str, float]


@dataclass(frozen=True)
class Slope:
    """How much a quantity grows from one run to the next, with its 95 % interval."""

    name: str
    first: float
    last: float
    a_run: float
    low: float
    high: float
    runs: int

    @property
    def grows(self) -> bool:
        """Return whether even the lower end of the interval is too much over all runs."""
        unit = "MiB" if self.name.endswith("MiB") else ""
        return self.low * (self.runs - 1) > MAX_GROWTH[unit]


def slope(name: str, values: Sequence[float]) -> Slope:
    """Fit a line over the number of the run by least squares. Needs MIN_SAMPLES values."""
    count = len(values)
    middle, mean = (count - 1) / 2, math.fsum(values) / count
    spread = math.fsum((i - middle) ** 2 for i in range(count))
    a_run = math.fsum((i - middle) * (value - mean) for i, value in enumerate(values)) / spread
    rest = math.fsum((value - mean - a_run * (i - middle)) ** 2 for i, value in enumerate(values))
    half = t_quantile(count - 2) * math.sqrt(rest / (count - 2) / spread)
    return Slope(name, values[0], values[-1], a_run, a_run - half, a_run + half, count)


def one_after_another(runs: int, output: Path) -> list[Sample]:
    """Run each in a process of its own; return what it used and left behind."""
    samples: list[Sample] = []
    temporary = output / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    for number in range(runs):
        command = [sys.executable, "-m", "workload", *RUN, "--output", str(output)]
        with tempfile.TemporaryFile() as log:
            child = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "TMPDIR": str(temporary)},
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                log.seek(0)
                sys.exit(f"soak: run {number} ended with {child.returncode}: {log.read()!r}")
        samples.append(
            {
                "largest, MiB": usage.ru_maxrss / 1024,
                "left in memory, MiB": left_bytes() / MIB,
                "processes left": float(len(members(child.pid))),
                "temporary files": float(sum(1 for _ in temporary.rglob("*"))),
            }
        )
        report(f"run {number + 1} of {runs}: {samples[-1]}")
    return samples


def in_one_process(minutes: float, output: Path) -> list[Sample]:
    """Run repeatedly in this process; return what it holds after each run."""
    from workload.cli.main import main  # noqa: PLC0415  the other part needs no torch

    samples: list[Sample] = []
    ends_at = time.monotonic() + 60 * minutes
    while time.monotonic() < ends_at or len(samples) * (1 - WARM_UP) < MIN_SAMPLES:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            code = main([*RUN, "--output", str(output)])
        if code:
            sys.exit(f"soak: run {len(samples)} in one process ended with {code}")
        samples.append(
            {
                "resident, MiB": resident_bytes() / MIB,
                "open files": float(len(os.listdir("/proc/self/fd"))),
                "threads": float(len(os.listdir("/proc/self/task"))),
            }
        )
        report(f"in one process, run {len(samples)}: {samples[-1]}")
    return samples[int(len(samples) * WARM_UP) :]


def members(session: int) -> list[int]:
    """The processes of a session, whatever their parent is by now."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended since
            if int(status.read_text().rpartition(")")[2].split()[3]) == session:
                found.append(int(status.parent.name))
    return found


def resident_bytes() -> int:
    """The memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def left_bytes() -> int:
    """Memory of this container in processes and tmpfs, without the page cache."""
    for path, names in (
        ("/sys/fs/cgroup/memory.stat", ("anon", "shmem")),
        ("/sys/fs/cgroup/memory/memory.stat", ("rss", "shmem")),
    ):
        if Path(path).exists():
            counts = dict(line.split() for line in Path(path).read_text().splitlines())
            return sum(int(counts.get(name, 0)) for name in names)
    return resident_bytes()


def slopes(samples: Sequence[Sample]) -> list[Slope]:
    return [slope(name, [sample[name] for sample in samples]) for name in samples[0]]


def table(title: str, found: Sequence[Slope]) -> Table:
    shown = Table("quantity", "first", "last", "a run", "95 %", "verdict", title=title)
    for one in found:
        interval = f"{one.low:+.4f} to {one.high:+.4f}"
        verdict = "GROWS" if one.grows else "flat"
        ends = (f"{one.first:.1f}", f"{one.last:.1f}", f"{one.a_run:+.4f}")
        shown.add_row(one.name, *ends, interval, verdict)
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--output", type=Path, help="for the records (default: a folder in /tmp)")
    arguments = parser.parse_args()
    if arguments.runs < MIN_SAMPLES:
        parser.error(f"--runs {arguments.runs}: a slope needs {MIN_SAMPLES}")
    console = Console()
    grown = False
    with tempfile.TemporaryDirectory() as folder:
        output = arguments.output or Path(folder)
        before = set(output.glob("*.json"))
        for title, samples in (
            (f"{arguments.runs} runs", one_after_another(arguments.runs, output)),
            ("one process", in_one_process(arguments.minutes, output)),
        ):
            found = slopes(samples)
            console.print(table(f"{title}: {len(samples)} samples", found))
            grown = grown or any(one.grows for one in found)
        records = [load(path) for path in set(output.glob("*.json")) - before]
        console.print(f"{len(records)} records, all valid")
    return 1 if grown else 0


def report(line: str) -> None:
    print(f"soak: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
