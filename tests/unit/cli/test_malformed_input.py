"""A reader accepts its input, or fails with a documented error of one line.

20,000 inputs a reader, some minutes: pytest --hypothesis-profile nightly, with this file's name.
"""

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.malformed import malformed_checkpoint, malformed_command_line, malformed_file
from support.records.measured import GPU, TRAINING, benchmark_document, case, write_record

from workload.cli import arguments
from workload.compare import compare
from workload.compare.loader import load_side
from workload.core.errors import ExitCode, WorkloadError
from workload.core.models.model import as_json
from workload.core.records import dump
from workload.core.train_spec import PRESETS
from workload.report import documents
from workload.report.page import build_page, load_results
from workload.report.terminal import comparison_table
from workload.train import checkpoint
from workload.train.checkpoint import Checkpoint

COMMANDS = (
    "run --device cpu --budget 3 --json",
    "doctor --device cuda:0 --strict --json",
    "doctor explain shm",
    "doctor --deep --budget 9 --bundle all.tar.gz",
    "verify --device auto",
    "train --preset wide --steps 5 --checkpoint a.ckpt --resume --mode fused --seed 3",
    "train --learning-rate 1e-7 --batch-size 3 --input-size 4 --hidden-size 5",
    "matmul --sizes 32,64x65x66 --dtypes float32,tf32 --search --budget 9",
    "collectives --ranks 2 --sizes 4K,1M --dtypes bfloat16 --nodes 2 --rendezvous a:1",
    "compare a.json b.json --fail-if-slower 5% --format html",
    "report results --output page.html --json",
)
SUCCESS = "success"

pytestmark = pytest.mark.timeout(1800)  # nightly: 20,000 examples a test

Read = Callable[[Path], object]


def outcomes(inputs: st.SearchStrategy[Any], read: Callable[[Any], object]) -> Counter[str]:
    """Read many inputs; count the successes and the errors of each kind."""
    counted: Counter[str] = Counter()

    profile = settings()

    @settings(profile, max_examples=max(200, profile.max_examples))
    @given(inputs)
    def meet(data: Any) -> None:
        outcome, message = SUCCESS, ""
        try:
            read(data)
        except WorkloadError as error:
            outcome, message = type(error).__name__, str(error)
        assert "\n" not in message
        counted[outcome] += 1

    meet()
    return counted


def in_file(path: Path, read: Read) -> Callable[[bytes], None]:
    """Read bytes from a file."""

    def write_and_read(data: bytes) -> None:
        path.write_bytes(data)
        read(path)

    return write_and_read


def compare_with_itself(path: Path) -> None:
    side = load_side(path)
    comparison = compare(side, side)
    text = comparison_table.text_of(comparison)
    assert all(line.isprintable() for line in documents.markdown(text).splitlines())
    html = documents.html(text)
    assert html.count("</table>") == 1
    assert "<script>alert" not in html
    document = json.loads(dump(as_json(comparison)))
    assert document["speeds"] or document["unpaired"]  # no speed is of an emulated CPU


def report(path: Path) -> None:
    page = build_page(*load_results(path.parent))
    assert "<script>alert" not in page
    page.encode()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Any:
    written = write_record(tmp_path_factory.mktemp("valid"), case(), trainings=[TRAINING])
    return json.loads(written.read_bytes())


@pytest.fixture(scope="module")
def benchmarks() -> Any:
    return benchmark_document(case(), device=GPU)


def test_a_record_is_compared_or_refused(record: Any, tmp_path: Path) -> None:
    found = outcomes(malformed_file(record), in_file(tmp_path / "a.json", compare_with_itself))
    assert {SUCCESS, "BadInputError"} <= found.keys()


def test_a_file_of_benchmarks_is_compared_or_refused(benchmarks: Any, tmp_path: Path) -> None:
    found = outcomes(malformed_file(benchmarks), in_file(tmp_path / "a.json", compare_with_itself))
    assert {SUCCESS, "BadInputError"} <= found.keys()


def test_a_folder_is_reported_or_refused(record: Any, benchmarks: Any, tmp_path: Path) -> None:
    inputs = malformed_file(record) | malformed_file(benchmarks)
    assert outcomes(inputs, in_file(tmp_path / "a.json", report))[SUCCESS]


def test_a_checkpoint_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    spec = replace(PRESETS["book"], batch_size=2, input_size=3, hidden_size=2, output_size=1)
    w1, w2 = torch.ones(spec.w1_shape), torch.ones(spec.w2_shape)
    checkpoint.save(Checkpoint(spec, 4, w1, w2, torch.ones(4, dtype=torch.float64)), path)
    inputs = malformed_checkpoint(path.read_bytes())
    found = outcomes(inputs, in_file(path, checkpoint.read))
    assert {SUCCESS, "BadInputError"} <= found.keys()


def test_a_command_line_is_parsed_or_refused_in_one_line() -> None:
    ends: Counter[object] = Counter()

    def parse(words: list[str]) -> None:
        end, errors = "parsed", io.StringIO()
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            try:
                arguments.parse(words)
            except SystemExit as exit_:  # argparse ends the process
                end = "refused" if exit_.code == ExitCode.BAD_INPUT else f"help, {exit_.code}"
        lines = errors.getvalue().split("\n")
        assert (len(lines) == 2) == (end == "refused")
        assert all(line.isprintable() for line in lines)
        ends[end] += 1

    outcomes(malformed_command_line(COMMANDS), parse)
    assert {"parsed", "refused"} <= ends.keys() <= {"parsed", "refused", "help, 0"}
