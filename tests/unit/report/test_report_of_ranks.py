"""The page of a run on several devices: a row each, and one that failed stands for all."""

from pathlib import Path

from support.page.reader import Page
from support.records.several import joint, rank
from support.records.synthetic import CPU, made

from workload.core.errors import ExitCode
from workload.core.models.record import Record
from workload.core.records import dump
from workload.report.page import build_page, load_results


def page(folder: Path, *records: Record) -> Page:
    """The page of these records."""
    for number, record in enumerate(records):
        (folder / f"{number}.json").write_bytes(dump(record))
    return Page(build_page(*load_results(folder)))


def test_each_gpu_has_a_row_and_the_slowest_is_named(tmp_path: Path) -> None:
    shown = page(tmp_path, joint(*(rank(index, 1.3 if index == 2 else 1) for index in range(4))))
    assert ("h2", "Devices that ran at the same time") in shown.headings
    for address in ("00:00.0", "01:00.0", "02:00.0", "03:00.0"):
        assert address in shown.text
    assert "slowest GPU 2: 1.30 times as long as the others' median" in shown.text


def test_the_gpu_that_failed_stands_for_all(tmp_path: Path) -> None:
    wrong = rank(1, ended="failed", exit_code=ExitCode.WRONG_NUMBERS, reason="wrong numbers")
    shown = page(tmp_path, joint(rank(0), wrong, rank(2), code=ExitCode.WRONG_NUMBERS), made(CPU))
    assert "synthetic GPU (GPU 1 of 3)" in shown.text
    assert shown.headings[0] == ("h1", "Something is wrong on the GPU")


def test_a_run_on_one_device_has_no_such_table(tmp_path: Path) -> None:
    shown = page(tmp_path, made(CPU))
    assert ("h2", "Devices that ran at the same time") not in shown.headings
