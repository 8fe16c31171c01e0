"""Output that cannot be written is reported and changes the exit code."""

import io
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from workload.cli.console import Console, laid_out
from workload.report.terminal.case_table import CASE_COLUMNS
from workload.report.terminal.tables import Grid, new_table

DOCTOR = f"{sys.executable} -m workload doctor --quick --device cpu"  # needs no torch


VERDICTS = Grid(
    ("case", "verdict", "rate", "bound by"),
    (("matmul 4096", "FASTER", "734 GFLOP/s", "compute"),),
    numbers=("rate",),
    optional=("bound by", "rate"),
)


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        """Return True."""
        return True


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


@pytest.mark.parametrize("words", ["--help", "--version", "matmul --help"])
@pytest.mark.parametrize(
    ("stdout", "reason"), [(">/dev/full", "No space left on device"), (">&-", "closed")]
)
def test_help_and_version_that_cannot_be_written_are_not_saved(
    words: str, stdout: str, reason: str
) -> None:
    finished = shell(f"{sys.executable} -m workload {words} {stdout}")
    assert finished.returncode == 6
    assert finished.stderr.endswith(f": the output could not be written: {reason}\n")


def test_help_for_a_reader_that_leaves_early_is_no_failure() -> None:
    assert shell(f"({sys.executable} -m workload --help; echo $? >&2) | true").stderr == "0\n"


def test_a_closed_stdout_is_a_result_not_saved() -> None:
    finished = shell(f"{DOCTOR} >&-")
    assert finished.returncode == 6
    assert finished.stderr == "workload doctor: the output could not be written: closed\n"


def test_a_result_that_goes_nowhere_is_not_saved_even_where_no_error_can_be_printed() -> None:
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
    Console("train", has_document=False).info("3 µs")
    assert raw.getvalue() == b"3 ?s\n"


@pytest.mark.parametrize("columns", [40, 80, 90, 100, 110, 160])
def test_no_width_of_a_terminal_takes_letters_from_a_table(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "noisy: 26% IQR"
    table = new_table(*CASE_COLUMNS)
    table.add_row(*["convolution", "bfloat16", *["734 GFLOP/s"] * (len(CASE_COLUMNS) - 3), note])
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    letters = "".join(laid_out(table, Terminal()).split())
    assert all(letters.count(letter) >= note.count(letter) for letter in note.replace(" ", ""))
    assert letters.count("s") >= note.count("s") + (len(CASE_COLUMNS) - 3)


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make every terminal this wide, and able to show colors."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return lambda count: monkeypatch.setenv("COLUMNS", str(count))


def test_a_terminal_shows_verdicts_in_color(columns: Callable[[int], None]) -> None:
    columns(80)
    assert "\x1b[32mFASTER\x1b[0m" in laid_out(VERDICTS, Terminal())
    assert laid_out("PASS  cpu", Terminal()) == "\x1b[32mPASS\x1b[0m  cpu"


def test_no_color_and_pipes_get_plain_text(
    columns: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns(80)
    plain = laid_out(VERDICTS, None)
    monkeypatch.setenv("NO_COLOR", "1")
    assert laid_out(VERDICTS, Terminal()) == plain
    assert laid_out("PASS  cpu", Terminal()) == "PASS  cpu"
    assert "\x1b" not in plain


def test_a_narrow_terminal_says_which_columns_are_left_out(
    columns: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns(24)
    monkeypatch.setenv("NO_COLOR", "1")
    assert laid_out(VERDICTS, Terminal()).splitlines() == [
        "case         verdict",
        "matmul 4096  FASTER",
        "columns left out to fit 24 characters: bound by, rate",
    ]


def test_a_terminal_of_no_columns_loses_no_text(
    columns: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns(0)
    monkeypatch.setenv("NO_COLOR", "1")
    assert laid_out("PASS  cpu", Terminal()) == "PASS  cpu"
    assert laid_out(VERDICTS, Terminal()) == laid_out(VERDICTS, None)


def test_a_table_that_fits_leaves_nothing_out() -> None:
    assert laid_out(VERDICTS, None).splitlines() == [
        "case         verdict         rate  bound by",
        "matmul 4096  FASTER   734 GFLOP/s  compute",
    ]


def test_a_long_line_wraps_between_words_below_its_text() -> None:
    words = " ".join(["matmul 4096 float32,"] * 8)
    first, second = laid_out(f"noisy      {words}", None).splitlines()
    assert first.endswith("float32,")
    assert len(first) <= 100
    assert second.startswith("           matmul 4096 float32,")


def test_a_command_is_never_wrapped() -> None:
    command = " " * 13 + "docker run " + "--flag value " * 10
    assert laid_out(command, None) == command


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    lines = laid_out("a" * 96 + " 3 GB of memory", None).splitlines()
    assert lines == ["a" * 96, "  3 GB of memory"]


def test_a_path_longer_than_the_line_stays_whole() -> None:
    path = "/" + "a" * 120
    assert laid_out(f"record     {path}", None) == f"record     {path}"
