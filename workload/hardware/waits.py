"""Measure what keeps the threads of this process waiting, between two readings.

Sources: the kernel's Documentation/scheduler/sched-stats.rst (task schedstat),
accounting/psi.rst, admin-guide/cgroup-v2.rst (cpu.stat, cpu.pressure), proc_stat(5).

Not covered: threads that end before the second reading, because their waits are no longer reported.
In sandboxes such as gVisor, the files are empty or missing, or /proc/stat has only zeros; the
values are then None.
"""

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from workload.core.files import read_text
from workload.core.models.waits import Waits
from workload.hardware.affinity import given_cpus
from workload.hardware.cgroups import cpu_groups

# Indices of fields in a line of /proc/stat: user, nice, system, irq, softirq; and steal.
BUSY = (0, 1, 2, 5, 6)
STEAL = 7
# A thread that ran or waited for less than this share of the window did none of the work.
WORKING_SHARE = 0.1


class Spent(NamedTuple):
    """A thread's CPU time and waits since it started."""

    run_sec: float
    delay_sec: float
    waits: int  # how often it got a CPU


@dataclass(frozen=True)
class Counters:
    """Counters that only rise, in seconds; None if unknown."""

    at_sec: float
    threads: Mapping[str, Spent] | None  # by thread id
    own_sec: float  # CPU time of this process
    busy_sec: float | None  # of the CPUs that this process may use
    steal_sec: tuple[float, ...] | None  # of each of these CPUs
    throttled_sec: float | None
    pressure_sec: float | None


class Watch:
    """A time window that starts when this object is created; `waits` returns the waits in it."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Start the window. Tests pass a fixture tree as `root`."""
        self._root = root
        self._start = read_counters(root)

    def waits(self) -> Waits:
        """Return what kept threads waiting since the start."""
        return between(self._start, read_counters(self._root))


def between(start: Counters, end: Counters) -> Waits:
    """Return the waits between the readings `start` and `end`."""
    window_sec = max(0.0, end.at_sec - start.at_sec)
    threads = _spent(start.threads, end.threads)
    stolen = _stolen(start.steal_sec, end.steal_sec)
    busy_sec = _rise(start.busy_sec, end.busy_sec)
    own_sec = end.own_sec - start.own_sec
    return Waits(
        window_sec=window_sec,
        run_delay_sec=None if threads is None else sum(one.delay_sec for one in threads),
        waits=None if threads is None else sum(one.waits for one in threads),
        foreign_sec=None if busy_sec is None else max(0.0, busy_sec - own_sec),
        steal_sec=None if stolen is None else sum(stolen),
        throttled_sec=_rise(start.throttled_sec, end.throttled_sec),
        pressure_sec=_rise(start.pressure_sec, end.pressure_sec),
        threads=None if threads is None else _working(threads, window_sec),
        cpus=None if stolen is None else len(stolen),
        longest_delay_sec=max((one.delay_sec for one in threads or ()), default=None),
        longest_steal_sec=max(stolen or (), default=None),
    )


def read_counters(root: Path = Path("/")) -> Counters:
    """Read all counters below `root`."""
    busy_sec, steal_sec = _cpu_sec(root)
    groups = cpu_groups(root)
    return Counters(
        at_sec=time.perf_counter(),
        threads=_threads(root),
        own_sec=time.process_time(),
        busy_sec=busy_sec,
        steal_sec=steal_sec,
        throttled_sec=_throttled_sec(groups),
        pressure_sec=_pressure_sec(groups, root),
    )


def _threads(root: Path) -> dict[str, Spent] | None:
    """Return the CPU time and waits of each thread of this process."""
    found = {}
    for path in root.glob("proc/self/task/*/schedstat"):
        fields = read_text(path).split()  # empty if the thread has just ended
        if len(fields) == 3 and all(map(str.isdecimal, fields)):  # noqa: PLR2004  run, delay, count
            run_sec, delay_sec = (int(field) / 1e9 for field in fields[:2])
            found[path.parent.name] = Spent(run_sec, delay_sec, int(fields[2]))
    return found or None


def _spent(
    start: Mapping[str, Spent] | None, end: Mapping[str, Spent] | None
) -> list[Spent] | None:
    """Return how much the CPU time and waits of each thread grew.

    Threads that have ended are left out. New threads count from 0.
    """
    if start is None or end is None:
        return None
    return [_since(start.get(thread), spent) for thread, spent in end.items()]


def _since(start: Spent | None, end: Spent) -> Spent:
    if start is None or end.waits < start.waits:  # a new thread, perhaps with a reused id
        return end
    run_sec, delay_sec, waits = (later - earlier for earlier, later in zip(start, end, strict=True))
    return Spent(max(0.0, run_sec), max(0.0, delay_sec), int(waits))


def _working(threads: Sequence[Spent], window_sec: float) -> int:
    """Return how many of the threads did the work, at least one."""
    needed_sec = [one.run_sec + one.delay_sec for one in threads]
    return max(1, sum(sec >= WORKING_SHARE * window_sec for sec in needed_sec))


def _stolen(
    start: tuple[float, ...] | None, end: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    """Return the steal time of each CPU; None if unknown or if the number of CPUs changed."""
    if start is None or end is None or len(start) != len(end):
        return None
    return tuple(max(0.0, later - earlier) for earlier, later in zip(start, end, strict=True))


def _cpu_sec(root: Path) -> tuple[float | None, tuple[float, ...] | None]:
    """Return the total busy seconds of this process's CPUs, and the stolen seconds of each CPU."""
    lines = re.findall(r"^cpu(\d+) ([\d ]+)$", read_text(root / "proc/stat"), re.MULTILINE)
    given = given_cpus(root)
    own = [[int(tick) for tick in ticks.split()] for cpu, ticks in lines if int(cpu) in given]
    if not any(map(any, own)):  # sandboxes write zeros
        return None, None
    return _seconds(own, BUSY), tuple(_seconds([cpu], (STEAL,)) for cpu in own)


def _seconds(cpus: Sequence[Sequence[int]], fields: Sequence[int]) -> float:
    ticks = sum(cpu[index] for cpu in cpus for index in fields if index < len(cpu))
    return ticks / os.sysconf("SC_CLK_TCK")


def _throttled_sec(groups: Sequence[Path]) -> float | None:
    """Return the longest throttled time of the cgroups, in seconds.

    Version 2 of cgroups counts in microseconds, version 1 in nanoseconds.
    """
    texts = [read_text(group / "cpu.stat") for group in groups]
    found = [
        int(number) / {"usec": 1e6, "time": 1e9}[unit]
        for text in texts
        for unit, number in re.findall(r"^throttled_(usec|time) (\d+)$", text, re.MULTILINE)
    ]
    return max(found, default=None)


def _pressure_sec(groups: Sequence[Path], root: Path) -> float | None:
    """Return how long at least one task waited for a CPU.

    The innermost cgroup that reports this time counts. If none reports it, return the time for the
    whole machine.
    """
    for path in (*(group / "cpu.pressure" for group in groups), root / "proc/pressure/cpu"):
        match = re.search(r"^some .*total=(\d+)$", read_text(path), re.MULTILINE)
        if match:
            return int(match[1]) / 1e6
    return None


def _rise(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)
