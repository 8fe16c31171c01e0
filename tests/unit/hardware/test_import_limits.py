"""Whether PyTorch's threads start and its import has memory, tried before torch is imported."""

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from workload.core.models.machine import ImportLimits, Limits
from workload.hardware import import_limits
from workload.hardware.cgroups import read_pids_left
from workload.hardware.import_limits import (
    import_shortage,
    openmp_stack_bytes,
    start_threads,
    thread_shortage,
)

GIB = 1 << 30
LIMITS = Limits(None, 2, None, GIB, 64 * GIB, GIB)
IMPORT_LIMITS = ImportLimits(3, 3, None, None, None, 8 << 20, None, None)
MATMUL = "matmul --sizes 64 --budget 0.3 --device cpu".split()
QUICK = "doctor --quick --device cpu".split()


def limited(
    kind: int, value: int, argv: list[str], **environment: str
) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, whose limit of that kind is the value."""
    return subprocess.run(
        [sys.executable, "-m", "workload", *argv],
        preexec_fn=lambda: resource.setrlimit(kind, (value, value)),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_threads_that_start_leave_nothing_behind() -> None:
    before = threading.active_count()
    assert start_threads(5) == (5, None)
    assert threading.active_count() == before


def test_a_thread_that_does_not_start_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def refuse(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(import_limits, "thread_error", lambda: "no")
    assert start_threads(5) == (2, "no")


@pytest.mark.parametrize("stack_bytes", [1, 1 << 10, 16 << 10, 33_000])
def test_a_small_stack_starts_threads(stack_bytes: int) -> None:
    assert start_threads(2, stack_bytes) == (2, None)


def test_a_stack_beyond_all_memory_is_refused_by_the_system() -> None:
    assert start_threads(1, stack_bytes=1 << 60)[0] == 0


@pytest.mark.parametrize(
    ("name", "text", "size"),
    [
        ("OMP_STACKSIZE", "4M", 4 << 20),
        ("OMP_STACKSIZE", " 16 k ", 16 << 10),
        ("OMP_STACKSIZE", "100", 100 << 10),
        ("GOMP_STACKSIZE", "512", 512 << 10),
        ("OMP_STACKSIZE", "abc", 0),
        ("OMP_STACKSIZE", "-1", 0),
    ],
)
def test_openmps_stack_size_is_read_as_openmp_reads_it(name: str, text: str, size: int) -> None:
    assert openmp_stack_bytes({name: text}) == size


@pytest.mark.parametrize(
    ("change", "case", "fix"),
    [
        ({"thread_error": "Operation not permitted"}, "refused", "libseccomp"),
        ({"pids_left": 1}, "pids", "--pids-limit"),
        ({"user_limit": 3}, "few", "ulimit -u"),
        ({"stack_bytes": 1 << 40}, "stack", "OMP_STACKSIZE"),
    ],
)
def test_the_fix_names_the_limit(change: dict[str, object], case: str, fix: str) -> None:
    shortage = thread_shortage(replace(IMPORT_LIMITS, threads_started=1, **change))
    assert shortage is not None
    assert shortage.case == case
    assert fix in shortage.fix


def test_enough_room_is_no_shortage() -> None:
    assert thread_shortage(IMPORT_LIMITS) is None
    assert import_shortage(IMPORT_LIMITS, LIMITS) is None


def test_a_container_without_memory_for_the_import_is_told_so() -> None:
    shortage = import_shortage(IMPORT_LIMITS, replace(LIMITS, memory_available_bytes=100_000_000))
    assert shortage is not None
    assert shortage.found == "only 100 MB of memory available"


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (resource.RLIMIT_AS, 600_000_000, "only 600 MB of address space available"),
        (resource.RLIMIT_DATA, 100_000_000, "only 100 MB of memory for data available"),
        (resource.RLIMIT_STACK, 1 << 46, "each has a stack of 70.4 TB"),
        (resource.RLIMIT_NOFILE, 5, "Too many open files: raise the limit of open files"),
    ],
)
def test_a_limit_that_would_end_the_import_is_exit_4_in_one_line(
    kind: int, value: int, words: str
) -> None:
    ended = limited(kind, value, MATMUL)
    assert ended.returncode == 4
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_stack_of_openmps_that_does_not_fit_is_exit_4_in_one_line() -> None:
    ended = limited(resource.RLIMIT_CORE, 0, MATMUL, OMP_STACKSIZE="1000G")
    assert ended.returncode == 4
    assert "each has a stack of 1.07 TB, from OMP_STACKSIZE" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_quick_doctor_goes_on_where_no_thread_starts() -> None:
    ended = limited(resource.RLIMIT_STACK, 1 << 46, [*QUICK, "--json"])
    assert ended.returncode == 4
    found = {finding["id"]: finding for finding in json.loads(ended.stdout)["findings"]}
    assert [id_ for id_, finding in found.items() if finding["state"] == "fail"] == ["threads"]


@pytest.fixture
def pids(tmp_path: Path) -> Callable[..., int | None]:
    """`pids(limit, used)` of this process's control group."""

    def left(limit: object, used: object) -> int | None:
        for path, text in {
            "proc/self/cgroup": "0::/",
            "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
            "sys/fs/cgroup/pids.max": limit,
            "sys/fs/cgroup/pids.current": used,
        }.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(f"{text}\n")
        return read_pids_left(tmp_path)

    return left


def test_the_room_for_processes_is_what_the_group_has_left(
    pids: Callable[..., int | None],
) -> None:
    assert pids(10, 7) == 3
    assert pids(10, 12) == 0
    assert pids("max", 7) is None
