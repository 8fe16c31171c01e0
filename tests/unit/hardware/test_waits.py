"""The counters of waiting: read from the kernel's files, unknown where these are missing."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import astuple

from workload.hardware.affinity import given_cpus
from workload.hardware.waits import Counters, Spent, Watch, between, read_counters

NONE = Counters(0.0, None, 0.0, None, None, None, None)


def counters(at_sec: float, threads: dict[str, Spent]) -> Counters:
    return replace(NONE, at_sec=at_sec, threads=threads)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_an_empty_tree_leaves_everything_unknown(tmp_path: Path) -> None:
    waits = Watch(tmp_path).waits()
    assert set(astuple(waits)[1:]) == {None}


def test_the_run_delay_is_summed_over_threads(tmp_path: Path) -> None:
    task = "proc/self/task"
    files = {f"{task}/7/schedstat": "5 1000000000 3\n", f"{task}/8/schedstat": "5 500000000 2\n"}
    watch = Watch(write(tmp_path, files))
    write(tmp_path, {f"{task}/8/schedstat": "9 750000000 6\n"})
    waits = watch.waits()
    assert (waits.run_delay_sec, waits.waits) == (0.25, 4)


def test_a_thread_that_started_in_the_window_counts_and_one_that_ended_does_not() -> None:
    start = counters(0.0, {"1": Spent(0.0, 5.0, 9), "2": Spent(0.0, 3.0, 3)})
    end = counters(1.0, {"2": Spent(0.0, 3.5, 4), "3": Spent(0.0, 0.25, 2)})
    waits = between(start, end)
    assert (waits.run_delay_sec, waits.waits) == (0.75, 3)


def test_a_thread_with_the_number_of_one_that_ended_is_a_new_one() -> None:
    start = counters(0.0, {"2": Spent(4.0, 3.0, 30)})
    end = counters(1.0, {"2": Spent(0.5, 0.25, 2)})
    assert between(start, end).run_delay_sec == 0.25


def test_the_threads_that_did_the_work_are_counted_and_the_longest_wait_is_one_of_them() -> None:
    started = Spent(1.0, 1.0, 1)
    start = counters(0.0, {"1": started, "2": started, "3": started, "4": started})
    threads = {
        "1": Spent(1.7, 1.3, 5),
        "2": Spent(1.0, 1.9, 5),  # had no CPU
        "3": Spent(1.05, 1.0, 5),  # woke up now and then
        "4": started,
        "5": Spent(0.2, 0.0, 1),
    }
    waits = between(start, counters(1.0, threads))
    assert (waits.threads, waits.longest_delay_sec) == (3, pytest.approx(0.9))
    assert waits.run_delay_sec == pytest.approx(1.2)


def test_without_one_that_worked_there_is_one_thread() -> None:
    idle = {"1": Spent(0.0, 0.0, 1)}
    assert between(counters(0.0, idle), counters(1.0, idle)).threads == 1


def test_steal_is_of_all_cpus_and_of_the_one_that_lost_most() -> None:
    start = replace(NONE, steal_sec=(1.0, 1.0, 1.0))
    waits = between(start, replace(NONE, steal_sec=(1.25, 1.0, 1.5)))
    assert (waits.cpus, waits.steal_sec, waits.longest_steal_sec) == (3, 0.75, 0.5)


def test_steal_is_unknown_where_a_cpu_went_away() -> None:
    waits = between(replace(NONE, steal_sec=(1.0, 1.0)), replace(NONE, steal_sec=(1.0,)))
    assert (waits.cpus, waits.steal_sec) == (None, None)


def test_other_cpu_time_is_that_of_the_given_cpus_without_ones_own(tmp_path: Path) -> None:
    files = {
        "proc/self/status": "Cpus_allowed:\t2\n",
        "proc/stat": "cpu0 9 9 9 9 9 9 9 9 0 0\ncpu1 0 0 0 5 0 0 0 1 0 0\n",
    }
    start = read_counters(write(tmp_path, files))
    changed = "cpu0 900 9 9 9 9 9 9 9 0 0\ncpu1 100 20 30 5 7 40 10 51 0 0\n"
    end = read_counters(write(tmp_path, {"proc/stat": changed}))
    waits = between(start, end)
    assert waits.foreign_sec == pytest.approx(2.0 - (end.own_sec - start.own_sec))
    assert waits.steal_sec == 0.5


def test_zeros_of_a_sandbox_are_unknown(tmp_path: Path) -> None:
    zeros = "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n"
    files = {"proc/self/status": "Cpus_allowed:\t1\n", "proc/stat": zeros}
    assert read_counters(write(tmp_path, files)).busy_sec is None


@pytest.mark.parametrize(
    ("group", "mount", "line", "seconds"),
    [
        ("0::/", "cgroup2 cgroup2 rw", "throttled_usec 2500000", 2.5),
        ("2:cpu:/", "cgroup cgroup rw,cpu", "throttled_time 2500000000", 2.5),
        ("0::/", "cgroup2 cgroup2 rw", "usage_usec 3", None),
    ],
)
def test_the_quota_tells_how_long_it_stopped_threads(
    group: str, mount: str, line: str, seconds: float | None, tmp_path: Path
) -> None:
    files = {
        "proc/self/cgroup": f"{group}\n",
        "proc/self/mountinfo": f"30 23 0:26 / /sys/fs/cgroup rw - {mount}\n",
        "sys/fs/cgroup/cpu.stat": f"nr_periods 7\n{line}\n",
    }
    assert read_counters(write(tmp_path, files)).throttled_sec == seconds


def test_pressure_is_of_the_own_control_group_before_the_machine(tmp_path: Path) -> None:
    write(tmp_path, {"proc/pressure/cpu": "some avg10=0.00 total=7000000\nfull total=1\n"})
    assert read_counters(tmp_path).pressure_sec == 7.0
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/cpu.pressure": "some avg10=0.00 avg60=0.00 total=2000000\nfull total=1\n",
    }
    assert read_counters(write(tmp_path, files)).pressure_sec == 2.0


def test_counters_that_become_unreadable_are_unknown() -> None:
    start = Counters(0.0, {"1": Spent(1.0, 1.0, 1)}, 0.0, 1.0, (1.0,), 1.0, 1.0)
    waits = between(start, NONE)
    assert (waits.run_delay_sec, waits.foreign_sec, waits.throttled_sec) == (None, None, None)


@pytest.fixture
def competitors() -> Iterator[None]:
    """A busy process for each CPU."""
    loops = [
        subprocess.Popen(["timeout", "20", sys.executable, "-c", "while 1: pass"])  # noqa: S607
        for _ in given_cpus()
    ]
    yield
    for loop in loops:
        loop.terminate()
        loop.wait()


@pytest.mark.clock
@pytest.mark.usefixtures("competitors")
def test_this_process_notices_that_its_cpus_are_busy() -> None:
    time.sleep(0.3)  # until they run
    watch, until = Watch(), time.perf_counter() + 1.0
    while time.perf_counter() < until:
        pass
    waits = watch.waits()
    assert waits.run_delay_sec is None or waits.reason is not None


@pytest.mark.clock
def test_threads_of_this_process_that_sleep_do_not_wait() -> None:
    watch = Watch()
    threads = [threading.Thread(target=time.sleep, args=(0.3,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 1.2 s of sleep; on a busy machine a thread waits for its CPU when it wakes up.
    assert (watch.waits().run_delay_sec or 0.0) < 0.6
