"""`workload report` uses the files that it can read, and names the others."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.outcome import Outcome
from support.records.benchmark_file import benchmarks
from support.records.synthetic import CPU, GPU, made

from workload.core import records
from workload.core.errors import ExitCode
from workload.core.models.model import as_json
from workload.report.page import load_results, loading

OLD = "<!doctype html>an earlier page"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with a CPU's record."""
    records.save(made(CPU), tmp_path / "results")
    return tmp_path / "results"


def test_the_page_lies_in_the_folder_and_its_place_is_said(
    results: Path, workload: Callable[..., Outcome]
) -> None:
    outcome = workload("report", results)
    assert outcome.code == ExitCode.OK
    assert outcome.text == f"report {results}/report.html (1 run)"
    assert (results / "report.html").read_text().startswith("<!doctype html>")


def test_no_record_is_made_of_a_report(results: Path, workload: Callable[..., Outcome]) -> None:
    before = set(results.glob("*.json"))
    workload("report", results)
    assert set(results.glob("*.json")) == before


def test_the_page_can_lie_elsewhere(
    results: Path, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    outcome = workload("report", results, "--output", tmp_path / "new/page.html")
    assert outcome.code == ExitCode.OK
    assert (tmp_path / "new/page.html").is_file()
    assert not (results / "report.html").exists()


def test_what_a_proof_measured_is_not_in_the_report_of_all_results(
    results: Path, workload: Callable[..., Outcome]
) -> None:
    proof = results / "gpu-proof-1"
    records.save(made(GPU), proof)
    (proof / "sweep.json").write_text("{}")
    (proof / "proof.jsonl").touch()
    assert workload("report", results).text == f"report {results}/report.html (1 run)"
    (proof / "sweep.json").unlink()
    assert workload("report", proof).text == f"report {proof}/report.html (1 run)"


def test_json_is_one_document(results: Path, workload: Callable[..., Outcome]) -> None:
    (results / "broken.json").write_text("{")
    document = json.loads(workload("report", results, "--json").stdout)
    assert (document["page"], document["runs"]) == (f"{results}/report.html", 1)
    assert len(document["left_out"]) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "broken.json is not JSON"),
        ("[]", "broken.json is not a valid record"),
        ('{"schema_version": 99}', "schema_version 99, but this program reads"),
        ('{"benchmarks": 3}', "broken.json is not a file of this project's benchmarks"),
        ('{"benchmarks": [NaN]}', "broken.json is not JSON (NaN is not JSON)"),
        (
            json.dumps({**as_json(made(CPU)), "started_at": "0000-01-01T00:00:00Z"}),
            "Invalid RFC3339 encoded datetime - at `$.started_at`",
        ),
        (
            json.dumps(benchmarks(device={"kind": "toaster"})),
            "(cpu|cuda)$(?!\\n)' - at `machine_info.workload.device.kind`",
        ),
    ],
)
def test_a_malformed_file_is_named_and_the_others_are_used(
    content: str, words: str, results: Path, workload: Callable[..., Outcome]
) -> None:
    (results / "broken.json").write_text(content)
    outcome = workload("report", results)
    assert outcome.code == ExitCode.OK
    assert outcome.stderr.startswith("workload report: left out: ")
    assert outcome.stderr.count("\n") == 1
    assert words in outcome.stderr
    page = (results / "report.html").read_text()
    assert "Files left out" in page
    assert "broken.json" in page
    assert "This device computes the right numbers" in page


@pytest.mark.parametrize("command", ["report", "compare"])
def test_what_is_called_a_record_and_is_no_file_is_named(
    command: str, results: Path, workload: Callable[..., Outcome]
) -> None:
    (results / "away.json").symlink_to(results / "missing")
    (results / "round.json").symlink_to(results / "round.json")
    (results / "up").symlink_to(results.parent)
    (results / "folder.json").mkdir()
    os.mkfifo(results / "pipe.json")
    outcome = workload(command, *[results] * (2 if command == "compare" else 1))
    assert outcome.code == ExitCode.OK
    left_out = [line for line in outcome.stderr.splitlines() if "cannot be read: " in line]
    names = {Path(line.split("left out: ")[1].split(" cannot")[0]).name for line in left_out}
    assert names == {"away.json", "round.json", "folder.json", "pipe.json"}
    assert len(outcome.stderr.splitlines()) == len(left_out)


def test_a_hostile_file_name_stays_words(results: Path, workload: Callable[..., Outcome]) -> None:
    (results / "<script>x\x1b.json").write_text("{")
    outcome = workload("report", results)
    page = (results / "report.html").read_text()
    assert "&lt;script&gt;x?.json" in page
    assert "\x1b" not in page + outcome.stderr


@pytest.mark.parametrize("content", [None, "{"])
def test_a_folder_without_a_usable_record_is_bad_input(
    content: str | None, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    if content:
        (tmp_path / "one.json").write_text(content)
    outcome = workload("report", tmp_path)
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr.startswith(f"workload report: {tmp_path} contains no usable record")
    assert outcome.stderr.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_what_is_no_folder_is_bad_input(tmp_path: Path, workload: Callable[..., Outcome]) -> None:
    outcome = workload("report", tmp_path / "missing")
    assert outcome.code == ExitCode.BAD_INPUT
    assert "missing is not a folder: choose the one with the records" in outcome.stderr


def test_a_page_that_cannot_be_written_is_not_saved(
    results: Path, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    (tmp_path / "file").touch()
    outcome = workload("report", results, "--output", tmp_path / "file/page.html")
    assert outcome.code == ExitCode.NOT_SAVED
    assert f"nothing can be written to {tmp_path}/file" in outcome.stderr


def test_a_full_disk_keeps_the_page_that_was_there(
    results: Path, workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    (results / "report.html").write_text(OLD)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    outcome = workload("report", results)
    assert outcome.code == ExitCode.NOT_SAVED
    assert "No space left on device; free space" in outcome.stderr
    assert (results / "report.html").read_text() == OLD


def test_runs_are_newest_first_whatever_their_files_are_called(results: Path) -> None:
    for name, started_at in (("a", "2003-01-01T00:00:00+02:00"), ("z", "2002-01-01T00:00:00Z")):
        content = json.dumps({**as_json(made(CPU)), "started_at": started_at})
        (results / f"{name}.json").write_text(content)
    runs, _ = load_results(results)
    assert [run.started_at.year for run in runs] == [2002, 2002, 2001]
    assert [run.source for run in runs][:2] == ["a.json", "z.json"]


def test_a_report_needs_no_torch() -> None:
    code = (
        "import sys; from workload.report.page import build_page\n"
        "from workload.cli.commands import report as _\n"
        "build_page([])\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_only_a_report_imports_the_plotting_library() -> None:
    code = (
        "import sys; import workload.report.page, workload.cli.commands.report\n"
        "assert not {'pygal', 'jinja2'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_a_record_is_never_replaced_by_the_page(
    results: Path, workload: Callable[..., Outcome]
) -> None:
    (path,) = results.glob("*.json")
    before = path.read_bytes()
    outcome = workload("report", results, "--output", path)
    assert outcome.code == ExitCode.BAD_INPUT
    assert "exists and is not a page of this command, so it is not replaced" in outcome.stderr
    assert path.read_bytes() == before


def test_a_pipe_is_never_replaced_by_the_page(
    results: Path, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert workload("report", results, "--output", tmp_path / "pipe").code == ExitCode.BAD_INPUT
    assert (tmp_path / "pipe").is_fifo()


def test_an_earlier_page_is_replaced(results: Path, workload: Callable[..., Outcome]) -> None:
    codes = [workload("report", results).code for _ in range(2)]
    assert codes == [ExitCode.OK, ExitCode.OK]


def test_records_beyond_the_newest_are_named_as_left_out(
    results: Path, monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    records.save(made(GPU), results)
    monkeypatch.setattr(loading, "MAX_FILES", 1)
    outcome = workload("report", results)
    assert "left out: 1 older file: only the newest 1 are shown" in outcome.stderr
    assert "(1 run)" in " ".join(outcome.stdout.split())


def test_the_newest_files_are_those_that_started_last_whatever_their_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = records.save(made(GPU, started_at="2026-11-30T00:00:00+00:00"), tmp_path)
    older = records.save(made(CPU, started_at="2026-11-29T00:00:00+00:00"), tmp_path)
    newest = newest.rename(tmp_path / newest.name.replace("run-", "matmul-"))
    assert newest.name < older.name
    monkeypatch.setattr(loading, "MAX_FILES", 1)
    runs, _ = loading.load_results(tmp_path)
    assert [run.source for run in runs] == [newest.name]
