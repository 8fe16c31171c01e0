"""Binding: what OpenMP did to the CPUs of the threads is said, and takes no CPU from the limits."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workload.hardware.affinity import current_cpus, given_cpus
from workload.hardware.binding import binding_problem, read_binding

CPUS = len(current_cpus())  # where there is one, binding takes none away


class FakeTorch(SimpleNamespace):
    """A torch whose threads start with the first operation; `masks` are then theirs."""

    def __init__(self, root: Path, masks: dict[int, str]) -> None:
        super().__init__(root=root, masks=masks)

    def ones(self, _count: int) -> Any:
        return SimpleNamespace(add_=lambda _: write_masks(self.root, self.masks))


def write_masks(root: Path, masks: dict[int, str]) -> None:
    """Write hexadecimal masks by thread; thread 1 is the main thread."""
    for thread, mask in masks.items():
        for name in [f"task/{thread}", *(["."] if thread == 1 else [])]:
            folder = root / "proc/self" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "status").write_text(f"Name:\tpython\nCpus_allowed:\t{mask}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Four CPUs, given to this process before torch was imported."""
    write_masks(tmp_path, {1: "f"})
    assert len(given_cpus(tmp_path)) == 4
    return tmp_path


def test_threads_on_cpus_of_their_own_are_counted_together(machine: Path) -> None:
    bound = FakeTorch(machine, {1: "1", 2: "2", 3: "4", 4: "8", 5: "f"})
    found = read_binding(bound, {"OMP_PROC_BIND": "true"}, machine)
    assert found is not None
    assert len(found.threads) == 4
    assert str(found) == (
        "OMP_PROC_BIND=true bound the main thread to CPU 0 and all threads together to CPU 0-3, "
        "of 4 CPUs (0-3)"
    )


def test_threads_that_share_a_cpu_are_told(machine: Path) -> None:
    found = read_binding(FakeTorch(machine, {1: "4", 2: "4"}), {"GOMP_CPU_AFFINITY": "2"}, machine)
    assert found is not None
    assert found.threads == {2}
    assert str(found).endswith("all threads together to CPU 2, of 4 CPUs (0-3)")


def test_a_setting_that_binds_nothing_is_no_binding(machine: Path) -> None:
    unbound = FakeTorch(machine, {1: "f", 2: "f"})
    assert read_binding(unbound, {"KMP_AFFINITY": "compact"}, machine) is None


def test_without_a_setting_no_operation_is_needed(machine: Path) -> None:
    assert read_binding(None, {}, machine) is None


@pytest.mark.parametrize("text", ["", "0", "0-1", "0-7:2", "0 1", "0, 1", " 0 "])
def test_lists_of_cpus_are_accepted(text: str) -> None:
    assert binding_problem({"GOMP_CPU_AFFINITY": text}) is None


@pytest.mark.parametrize("text", ["x", "0 x", "-1", "0-", "0:1", "0;1"])
def test_a_list_at_which_libgomp_hangs_is_refused(text: str) -> None:
    problem = binding_problem({"GOMP_CPU_AFFINITY": text})
    assert problem is not None
    assert "is not a list of CPUs such as 0-3: correct or unset it" in problem


def test_a_list_of_other_cpus_is_refused() -> None:
    problem = binding_problem({"GOMP_CPU_AFFINITY": "99999"})
    assert problem is not None
    assert problem.startswith("GOMP_CPU_AFFINITY=99999 names no CPU that this process may use (")


def run(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "OMP_NUM_THREADS": "2", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


RESOLVE = """
from workload.cli.main import prepare_libraries
prepare_libraries()
from workload.hardware import devices
from workload.hardware.cgroups import read_limits
print(read_limits().affinity_cpus, devices.resolve("cpu").threads, devices.resolve("cpu").binding)
"""


@pytest.mark.parametrize("setting", [{"OMP_PROC_BIND": "true"}, {"OMP_PLACES": "threads"}])
def test_a_bound_process_still_uses_its_cpus(setting: dict[str, str]) -> None:
    given, threads, words = run("-c", RESOLVE, **setting).stdout.split(maxsplit=2)
    assert (int(given), int(threads)) == (CPUS, min(CPUS, 2))
    assert words.startswith("None" if CPUS == 1 else f"{next(iter(setting))}=")


def test_threads_bound_to_one_cpu_are_one_thread() -> None:
    one = str(min(current_cpus()))
    _, threads, words = run("-c", RESOLVE, GOMP_CPU_AFFINITY=one).stdout.split(maxsplit=2)
    assert threads == "1"
    assert CPUS == 1 or f"all threads together to CPU {one}, of " in words


def test_a_command_ends_with_4_where_libgomp_would_hang() -> None:
    ended = run("-m", "workload", "matmul", "--sizes", "8", GOMP_CPU_AFFINITY="x")
    assert ended.returncode == 4
    assert ended.stderr == (
        "workload matmul: GOMP_CPU_AFFINITY=x is not a list of CPUs such as 0-3: correct "
        "or unset it\n"
    )
