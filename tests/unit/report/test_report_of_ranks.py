"""The page of a run on several devices: a row each, and one that failed stands for all."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from support.page.reader import Page
from support.records.several import joint, rank
from support.records.synthetic import CPU, made

from workload.core.errors import ExitCode
from workload.core.models.rank import Rank
from workload.core.models.record import Record
from workload.core.records import dump
from workload.report.page import build_page, load_results

DAY = timedelta(days=1)


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


def cpu_rank(index: int, **changes: Any) -> Rank:
    """A rank on half of the CPUs."""
    none = dict.fromkeys(("gpu_index", "gpu_name", "gpu_uuid", "gpu_address"))
    own = made(CPU)
    return replace(rank(index), device=own.device, cases=own.cases, **{**none, **changes})


def test_ranks_of_one_record_are_one_run(tmp_path: Path) -> None:
    shown = page(tmp_path, joint(rank(0), rank(1, 2.0), rank(2)), made(CPU))
    assert "2 runs, the newest" in shown.text
    history = shown.section("history")
    assert "The newest 2 of 2" in history
    assert history.count("<tr>") == 1 + 2
    assert "3 × synthetic GPU" in history
    assert re.search(r"<td class=\"number\">[\d,]+ – [\d,]+</td>", history)


def test_a_rank_on_a_share_of_the_cpus_is_not_shown_as_the_machine(tmp_path: Path) -> None:
    shown = page(tmp_path, joint(cpu_rank(0), cpu_rank(1)))
    assert "CPU, rank 0 of 2" in shown.text
    assert f"CPU, rank 0 of 2 · {CPU.name}" in shown.text
    assert "1 run, the newest" in shown.text


def test_a_run_on_all_cpus_stands_for_the_machine_before_its_ranks(tmp_path: Path) -> None:
    later = replace(joint(cpu_rank(0), cpu_rank(1)), started_at=made(CPU).started_at + DAY)
    shown = page(tmp_path, made(CPU), later)
    assert ", rank 0 of 2" not in shown.text.partition("History")[0]
    assert f"CPU · {CPU.name}" in shown.text


def test_a_rank_on_cpus_that_failed_stands_for_the_machine(tmp_path: Path) -> None:
    wrong = cpu_rank(1, exit_code=ExitCode.WRONG_NUMBERS, reason="wrong numbers")
    later = replace(
        joint(cpu_rank(0), wrong, code=ExitCode.WRONG_NUMBERS),
        started_at=made(CPU).started_at + DAY,
    )
    shown = page(tmp_path, made(CPU), later)
    assert shown.headings[0] == ("h1", "Something is wrong on the CPU, rank 1 of 2")


def test_a_run_on_one_device_has_no_such_table(tmp_path: Path) -> None:
    shown = page(tmp_path, made(CPU))
    assert ("h2", "Devices that ran at the same time") not in shown.headings
