"""Does anything grow? Many runs, one after the other, and one process that never ends.

    python tests/soak.py --runs 200 --minutes 10 [--output DIR]

After each run: the largest memory that it took, and what is left behind in the container: memory,
processes, temporary files. Where the records lie in a tmpfs they are part of the memory that is
left, some 80 kB a run. Within the one process, after each of its runs: memory, open files,
threads. Ends with 1 if a record is not valid, a run does not end with 0, or the growth over all
of it is, by its 95 % interval, beyond MAX_GROWTH.
"""

import argparse
import contextlib
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from workload.compare.intervals import t_quantile
from workload.core.record import load

RUN = ("run", "--device", "cpu", "--budget", "2")
WARM_UP = 0.2  # of a process's life, until its allocator and libraries have what they want
MIN_SAMPLES = 3
MIB = 1 << 20
# Over the whole soak, of what is counted: more is a leak, less may be fragmentation.
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
        """Whether even the least growth that fits is too much over all runs."""
        unit = "MiB" if self.name.endswith("MiB") else ""
        return self.low * (self.runs - 1) > MAX_GROWTH[unit]


def slope(name: str, values: Sequence[float]) -> Slope:
    """Least squares over the number of the run. Needs MIN_SAMPLES values."""
    count = len(values)
    middle, mean = (count - 1) / 2, math.fsum(values) / count
    spread = math.fsum((i - middle) ** 2 for i in range(count))
    a_run = math.fsum((i - middle) * (value - mean) for i, value in enumerate(values)) / spread
    rest = math.fsum((value - mean - a_run * (i - middle)) ** 2 for i, value in enumerate(values))
    half = t_quantile(count - 2) * math.sqrt(rest / (count - 2) / spread)
    return Slope(name, values[0], values[-1], a_run, a_run - half, a_run + half, count)


def one_after_another(runs: int, output: Path, told: Callable[[str], None]) -> list[Sample]:
    """A process each: what it took, and what it left."""
    samples = []
    temporary = output / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    for number in range(runs):
        command = [sys.executable, "-m", "workload", *RUN, "--output", str(output)]
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(
                command,
                stdout=said,
                stderr=said,
                start_new_session=True,
                env={**os.environ, "TMPDIR": str(temporary)},
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                said.seek(0)
                sys.exit(f"soak: run {number} ended with {child.returncode}: {said.read()!r}")
        samples.append(
            {
                "largest, MiB": usage.ru_maxrss / 1024,
                "left in memory, MiB": left_bytes() / MIB,
                "processes left": float(len(members(child.pid))),
                "temporary files": float(sum(1 for _ in temporary.rglob("*"))),
            }
        )
        told(f"run {number + 1} of {runs}: {samples[-1]}")
    return samples


def in_one_process(minutes: float, output: Path, told: Callable[[str], None]) -> list[Sample]:
    """The same again and again in this process: what it holds after each."""
    from workload.cli.main import main  # noqa: PLC0415  the other part needs no torch

    samples = []
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
        told(f"in one process, run {len(samples)}: {samples[-1]}")
    return samples[int(len(samples) * WARM_UP) :]


def members(session: int) -> list[int]:
    """The processes of a session, whoever their parent is by now."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended since
            if int(status.read_text().rpartition(")")[2].split()[3]) == session:
                found.append(int(status.parent.name))
    return found


def resident_bytes() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def left_bytes() -> int:
    """Memory of this container that belongs to processes and tmpfs, not to caches of files."""
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
            (f"{arguments.runs} runs", one_after_another(arguments.runs, output, said)),
            ("one process", in_one_process(arguments.minutes, output, said)),
        ):
            found = slopes(samples)
            console.print(table(f"{title}: {len(samples)} samples", found))
            grown = grown or any(one.grows for one in found)
        records = [load(path) for path in set(output.glob("*.json")) - before]
        console.print(f"{len(records)} records, all valid")
    return 1 if grown else 0


def said(line: str) -> None:
    print(f"soak: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
