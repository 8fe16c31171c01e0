"""What is printed arrives, or its loss is told and changes the exit code."""

import io
import json
import subprocess
import sys

import pytest

from workload.cli.console import Console, laid_out
from workload.report.terminal.case_table import CASE_COLUMNS
from workload.report.terminal.tables import new_table

DOCTOR = f"{sys.executable} -m workload doctor --quick --device cpu"  # needs no torch


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """`line` in a shell, whose redirections make the streams fail."""
    return subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_reader_that_leaves_early_does_not_harm_the_run() -> None:
    finished = shell(f"({DOCTOR}; echo $? >&2) | true")
    assert finished.stderr == "0\n"


def test_output_that_does_not_fit_the_disk_is_a_result_not_saved() -> None:
    finished = shell(f"{DOCTOR} > /dev/full")
    assert finished.returncode == 6
    assert finished.stderr == (
        "workload doctor: the output could not be written: No space left on device\n"
    )


def test_json_that_does_not_fit_the_disk_is_a_result_not_saved() -> None:
    assert shell(f"{DOCTOR} --json > /dev/full").returncode == 6


def test_a_closed_stdout_is_a_result_not_saved() -> None:
    finished = shell(f"{DOCTOR} >&-")
    assert finished.returncode == 6
    assert finished.stderr == "workload doctor: the output could not be written: closed\n"


def test_a_result_that_goes_nowhere_is_not_saved_even_where_nobody_can_be_told() -> None:
    assert shell(f"{DOCTOR} --json >&- 2>&-").returncode == 6


def test_a_closed_stderr_leaves_the_json_whole() -> None:
    finished = shell(f"{DOCTOR} --json 2>&-")
    assert json.loads(finished.stdout)["kind"] == "doctor"


def test_a_full_stderr_leaves_the_json_whole() -> None:
    finished = shell(f"{DOCTOR} --json 2>/dev/full")
    assert json.loads(finished.stdout)["kind"] == "doctor"


def test_a_terminal_without_unicode_gets_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Console("train", document_on_stdout=False).info("3 µs")
    assert raw.getvalue() == b"3 ?s\n"


@pytest.mark.parametrize("columns", [40, 80, 90, 100, 110, 160])
def test_no_width_of_a_terminal_takes_letters_from_a_table(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "noisy: the samples differ by 7.4 % (IQR)"
    table = new_table(*CASE_COLUMNS)
    table.add_row(*["convolution", "bfloat16", *["734 GFLOP/s"] * (len(CASE_COLUMNS) - 3), note])
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    letters = "".join(laid_out(table, terminal).split())
    assert all(letters.count(letter) >= note.count(letter) for letter in note.replace(" ", ""))
    assert letters.count("s") >= note.count("s") + (len(CASE_COLUMNS) - 3)
