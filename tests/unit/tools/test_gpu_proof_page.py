"""What a proof shows, as a page and as places in a checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.gpu_proofs import CUT, GPU, LOCKED, Event, reading, step
from tools.gpu_proof import facts, places, read
from tools.gpu_proof.folder import EVENTS, LOG
from tools.gpu_proof.page import page
from tools.gpu_proof.reading import read as read_files

CHANGELOG = """# Changelog
- `make gpu-run` of an earlier version
### Not yet seen on a GPU

- `make gpu-run` and `make gpu-test` on an NVIDIA host.
- `make gpu-bench`: waits.
- arm64.

## 0.1.0
- the cuts
"""


def test_the_page_says_what_passed_failed_and_was_slow() -> None:
    text = page(
        reading(
            *step("run-gpu", said="PASS cuda:0"),
            *step("modes", "slow", "eager / graph MISSED"),
            *step("tests-gpu", "failed", "FAILED tests/gpu/test_device.py"),
            {"event": "finished"},
        ),
        CHANGELOG,
    )
    assert text.startswith(
        "# GPU proof: NVIDIA H200, torch unknown\n\n**2 passed, 1 slow, 1 failed**"
    )
    assert "| run-gpu | passed | 2 | PASS cuda:0 |" in text
    assert "## Slow\n\n- modes: eager / graph MISSED" in text
    assert "- tests-gpu: failed: FAILED tests/gpu/test\\_device.py" in text
    assert "| torch | 2.11.0 | 2.13.0 |" in text
    assert "killed" not in text


@pytest.mark.parametrize(
    ("python", "numpy", "torch", "rows"),
    [
        ("3.11.2", "2.4.6", "2.13.0", ["| torch | 2.13.0 | 2.13.0 |"]),
        ("3.12.3", "2.4.6", "2.13.0", ["| numpy | 2.4.6 | 2.5.5 |", "| torch | 2.13.0 | 2.13.0 |"]),
        ("3.12.3", "2.5.5", "2.13.0+cpu", ["| torch | 2.13.0+cpu | 2.13.0+cpu |"]),
    ],
)
def test_versions_stand_beside_those_locked_for_this_python_and_torch(
    python: str, numpy: str, torch: str, rows: list[str]
) -> None:
    found = {
        "machine": {"python": python},
        "torch": {"version": torch},
        "packages": {"torch": torch, "numpy": numpy},
    }
    lines = page(reading(facts=found), CHANGELOG).splitlines()
    assert [line for line in lines if line.startswith(("| numpy", "| torch"))] == rows


def test_of_several_gpus_the_page_says_which_one_was_proved() -> None:
    text = page(reading(gpu=GPU | {"count": 8}), CHANGELOG)
    assert "It is about cuda:0, one of 8 GPUs." in text
    assert "It is about" not in page(reading(gpu=GPU | {"count": 1}), CHANGELOG)
    assert facts.proved(GPU | {"count": 8}) == (
        "NVIDIA H200, cuda:0 of 8 GPUs; the others are not proved"
    )


def test_a_step_that_was_not_taken_says_whether_it_should_have_been() -> None:
    cuts = step("cuts", "not applicable", "this PyTorch is a CPU build")
    found = reading(*step("modes", "not run", "no GPU: none"), *cuts)
    assert list(places.not_run(found)) == [
        "modes: not run: no GPU: none",
        "cuts: not applicable: this PyTorch is a CPU build",
    ]
    assert list(places.faults(found)) == []


def test_a_step_without_an_end_was_cut_off_by_a_kill() -> None:
    found = reading({"event": "started", "step": "modes"})
    assert list(places.faults(found)) == ["modes: cut off: no output"]
    assert "The proof was killed before its end." in page(found, CHANGELOG)


def test_a_step_that_was_cut_off_says_its_last_words() -> None:
    log = b"\n==== facts: at most 5 s\nfirst\n\n==== modes: at most 5 s\none\nlast | words\n"
    found = read_files({EVENTS: b'{"event": "started", "step": "modes"}', LOG: log})
    assert found.steps["modes"].said == ("last \\| words",)


def test_a_record_that_was_not_kept_is_named() -> None:
    found = reading(*step("run-gpu", left_out="run-gpu.json was not kept: No space left on device"))
    assert list(places.faults(found)) == [
        "run-gpu: run-gpu.json was not kept: No space left on device"
    ]


def test_torn_lines_and_documents_are_named() -> None:
    files = {
        EVENTS: b'{"event": "began"}\n{"event": "star',
        "run-gpu.json": b"{",
        "sweep.json": b"1e999",
    }
    found = read_files(files)
    assert found.unreadable == ["1 of the lines of proof.jsonl", "run-gpu.json", "sweep.json"]
    assert "Not readable: run-gpu.json." in page(found, CHANGELOG)


@pytest.mark.parametrize(
    "value", [None, 3, "text", [], {}, [[]], [None], {"a": 1}, "\x1b[2J", "a\nb", "|", "1" * 5000]
)
@pytest.mark.parametrize("field", ["event", "step", "state", "said", "sec", "result", "packages"])
def test_malformed_events_make_a_page_all_the_same(field: str, value: Any) -> None:
    events = [
        {"event": kind, "step": "doctor", field: value} for kind in ("began", "ended", "lacking")
    ]
    facts = dict.fromkeys(("machine", "packages", "nvidia_smi", "torch", "gpu"), value)
    results = [
        *step("facts", result=facts),
        *step("doctor", result={"findings": value}),
        *step("determinism", result={"distinct": value}),
        *step("cuts", result={"cuts": value}),
        *step("sweep", result=value),
    ]
    text = page(reading(*events, *results, run_gpu={"cases": value}, sweep=value), CHANGELOG)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 3000


def test_text_of_a_proof_cannot_break_out_of_its_table() -> None:
    text = page(reading(*step("one", said="a | b\n# c <script> [d](e)")), CHANGELOG)
    assert "a \\| b \\# c \\<script\\> \\[d\\](e)" in text


def test_the_changelogs_lines_that_were_seen_are_told_from_the_open_ones() -> None:
    found = reading(*step("run-gpu"), *step("tests-gpu"), *step("benchmarks-gpu"))
    assert list(places.seen(found, CHANGELOG)) == [
        ("`make gpu-run` and `make gpu-test` on an NVIDIA host.", "seen"),
        ("`make gpu-bench`: waits.", "open: benchmarks-cpu did not pass"),
        ("arm64.", "not part of the proof"),
    ]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"device": "cpu"}, "a rehearsal on the CPU"),
        ({"gpu": {"usable": False, "problem": "none"}}, "no GPU was usable"),
        ({"gpu": {"name": "STAND-IN H200"}}, "a simulated GPU, STAND-IN H200"),
        ({"smoke": True}, "a smoke test"),
    ],
)
def test_what_ran_on_no_gpu_or_hardly_ran_counts_for_nothing(how: Event, reason: str) -> None:
    cut = {"entry": CUT, "state": "works", "files": LOCKED}
    passed = [*step("run-gpu"), *step("tests-gpu"), *step("cuts", result={"cuts": [cut]})]
    found = reading(*passed, run_gpu={}, **how)
    assert [record.problem for record in places.records(found)] == [reason]
    assert next(places.seen(found, CHANGELOG))[1] == f"open: {reason}"
    assert [verdict for _, verdict in places.cuts(found)] == [f"waits: {reason}"]


def test_faults_are_collected_from_every_step() -> None:
    doctor = {"findings": [{"id": "ecc", "state": "fail", "found": "2 errors"}, {"state": "pass"}]}
    run = {
        "cases": [
            {"name": "matmul", "status": "invalid", "reason": "throttled"},
            {"name": "copy", "status": "ok", "rating": {"peak_share": 1.2}},
        ],
        "verify": [{"name": "a + b", "dtype": "float32", "ok": False}],
    }
    found = reading(
        *step("doctor", result=doctor),
        *step("determinism", result={"distinct": {"matmul": 2, "fft": 1}}),
        run_gpu=run,
    )
    assert list(places.faults(found)) == [
        "doctor: ecc: 2 errors",
        "run-gpu.json: matmul: throttled",
        "run-gpu.json: verify: a + b float32",
        "determinism: matmul: 2 results",
        "peaks.toml: copy reached 120% of its peak",
    ]


@pytest.mark.parametrize("arguments", [["FOLDER"], ["FOLDER", "--place"]])
def test_the_page_is_printed_in_any_encoding(arguments: list[str], tmp_path: Path) -> None:
    events = [*step("modes", "slow", "│ eager / graph │ MISSED │")]
    (tmp_path / EVENTS).write_text("\n".join(map(json.dumps, events)))
    command = [sys.executable, read.__file__, str(tmp_path), *arguments[1:]]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\u2502 eager / graph" in shown.stdout


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_text('{"event": "began"}')
    command = [sys.executable, read.__file__, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shown:
        assert shown.stdout
        assert shown.stderr
        shown.stdout.close()
        assert shown.stderr.read() == b""
    assert shown.returncode == 0
