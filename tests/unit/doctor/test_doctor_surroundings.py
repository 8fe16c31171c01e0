"""The doctor reads facts about folders, clock and compilers."""

import os
import stat
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.trees import write

from workload.doctor.probes import machine
from workload.doctor.probes.machine import read_clock, read_folder, read_folders, write_problem
from workload.hardware.compilers import find_compilers, fix, noexec_cache


def purposes(environment: dict[str, str]) -> list[str]:
    return [folder.purpose for folder in read_folders(environment)]


def test_the_temporary_folder_and_that_of_records_are_always_read() -> None:
    assert purposes({}) == ["TMPDIR", "results"]


def test_a_cache_is_read_if_it_is_set() -> None:
    assert "TRITON_CACHE_DIR" in purposes({"TRITON_CACHE_DIR": "/cache"})


def test_a_writable_folder_has_room_and_no_problem(tmp_path: Path) -> None:
    folder = read_folder("TMPDIR", tmp_path)
    assert folder.problem is None
    assert (folder.free_bytes or 0) > 0
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_judged_by_its_parent(tmp_path: Path) -> None:
    folder = read_folder("TRITON_CACHE_DIR", tmp_path / "a/b")
    assert (folder.path, folder.problem) == (str(tmp_path / "a/b"), None)


def test_a_folder_below_a_file_is_judged_by_the_folder_above(tmp_path: Path) -> None:
    write(tmp_path, "file")
    assert read_folder("HOME", tmp_path / "file/home").problem is None


def test_the_reason_why_nothing_can_be_written_is_the_systems() -> None:
    assert write_problem("/proc") is not None
    assert write_problem("/nowhere") == "No such file or directory"


def test_the_clock_is_this_machines(tmp_path: Path) -> None:
    assert abs(read_clock(tmp_path).now_sec - time.time()) < 60


def test_the_hardware_clock_is_read_if_there_is_one(tmp_path: Path) -> None:
    write(tmp_path, "sys/class/rtc/rtc0/since_epoch", "1800000000\n")
    assert read_clock(tmp_path).hardware_sec == 1.8e9


def test_no_hardware_clock_is_unknown(tmp_path: Path) -> None:
    assert read_clock(tmp_path).hardware_sec is None


def test_a_system_without_adjtimex_does_not_know_whether_its_clock_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda _: object())
    assert read_clock(tmp_path).synchronized is None


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    for name in ("gcc", "clang++", "mycc"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(stat.S_IRWXU)
    return tmp_path


def test_compilers_are_found_by_their_usual_names(tools: Path) -> None:
    found = find_compilers({"PATH": str(tools)})
    assert (found.c, found.cxx) == (str(tools / "gcc"), str(tools / "clang++"))


def test_the_variable_counts_before_the_usual_names(tools: Path) -> None:
    assert find_compilers({"PATH": str(tools), "CC": "mycc"}).c == str(tools / "mycc")


def test_a_variable_that_names_nothing_is_no_compiler(tools: Path) -> None:
    assert find_compilers({"PATH": str(tools), "CXX": "nothing"}).cxx is None


def test_outside_of_an_image_packages_bring_a_compiler() -> None:
    assert fix({}) == "install g++, openssl and python3-dev"


def test_in_an_image_the_devel_image_or_packages_bring_a_compiler() -> None:
    words = fix({"WORKLOAD_VARIANT": "cpu"})
    assert words.startswith("use the image workload:cpu-devel (")
    assert words.endswith(", or in your own image install g++, openssl and python3-dev")


@pytest.mark.parametrize(("flags", "named"), [(0, False), (os.ST_NOEXEC, True)])
def test_a_noexec_cache_is_named(
    flags: int, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = str(tmp_path / "not" / "made")
    looked_at: list[Path] = []

    def asked(path: Path) -> SimpleNamespace:
        looked_at.append(path)
        return SimpleNamespace(f_flag=flags)

    monkeypatch.setattr(os, "statvfs", asked)
    assert noexec_cache({"TORCHINDUCTOR_CACHE_DIR": cache}) == (cache if named else None)
    assert looked_at == [tmp_path]  # where it would be made


def test_the_environment_is_this_processs_unless_given(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.delenv("CC", raising=False)
    assert find_compilers().c == os.fspath(tools / "gcc")
