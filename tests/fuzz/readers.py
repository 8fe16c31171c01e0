"""What reads input that may be anything, each with valid inputs to spoil.

A reader's only outcomes are success and a documented error, of one line. Anything else is a bug.
"""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from support.records.measured import GPU, TRAINING, benchmark_document, case, write_record

from fuzz.mutations import spoiled_bytes, spoiled_json, spoiled_words
from workload.cli import arguments
from workload.compare import compare
from workload.compare.loader import load_side
from workload.core.errors import WorkloadError
from workload.core.record import dump
from workload.core.results import as_json
from workload.core.train_spec import PRESETS
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
    "compare a.json b.json --fail-if-slower 5% --format html",
    "report results --output page.html --json",
)
TOLD = (0, 2)  # how a parser may end: help, or bad input


@dataclass(frozen=True)
class Reader:
    """`spoil` makes an input, `read` meets it in a file; it says how that ended."""

    spoil: Callable[[Random], bytes]
    read: Callable[[Path], str]


def readers(folder: Path) -> dict[str, Reader]:
    """All of them. `folder` is for the valid inputs."""
    record = json.loads(write_record(folder, case(), trainings=[TRAINING]).read_bytes())
    benchmarks = benchmark_document(case(), device=GPU)
    state = _checkpoint(folder / "valid.ckpt")
    return {
        "record": Reader(lambda random: _spoiled(record, random), _compared),
        "pytest-benchmark": Reader(lambda random: _spoiled(benchmarks, random), _compared),
        "report": Reader(
            lambda random: _spoiled(random.choice((record, benchmarks)), random), _reported
        ),
        "checkpoint": Reader(lambda random: _spoiled_checkpoint(state, random), _resumed),
        "arguments": Reader(_command_line, _parsed),
    }


def _spoiled(document: Any, random: Random) -> bytes:
    if random.random() < 0.2:
        return spoiled_bytes(json.dumps(document).encode(), random)
    return spoiled_json(document, random)


def _checkpoint(path: Path) -> bytes:
    spec = replace(PRESETS["book"], batch_size=2, input_size=3, hidden_size=2, output_size=1)
    tensors = [torch.ones(shape) for shape in (spec.w1_shape, spec.w2_shape)]
    losses = torch.ones(4, dtype=torch.float64)
    checkpoint.save(Checkpoint(spec, 4, *tensors, losses), path)
    return path.read_bytes()


def _spoiled_checkpoint(valid: bytes, random: Random) -> bytes:
    """Its bytes, or its header, which says where the numbers lie."""
    if random.random() < 0.5:
        return spoiled_bytes(valid, random)
    length = int.from_bytes(valid[:8], "little")
    header = spoiled_json(json.loads(valid[8 : 8 + length]), random)
    return len(header).to_bytes(8, "little") + header + valid[8 + length :]


def _command_line(random: Random) -> bytes:
    words = spoiled_words(random.choice(COMMANDS).split(), random)
    return json.dumps(words).encode()


def _compared(path: Path) -> str:
    try:
        side = load_side(path)
        comparison = compare(side, side)
    except WorkloadError as error:
        return refused(error)
    words = comparison_table.words_of(comparison)
    _require(all(line.isprintable() for line in comparison_table.markdown(words).splitlines()))
    _require("<script>alert" not in comparison_table.html(words))
    dump(as_json(comparison))
    return "compared"


def _reported(path: Path) -> str:
    try:
        runs, problems = load_results(path.parent)
    except WorkloadError as error:
        return refused(error)
    page = build_page(runs, problems)
    _require("<script>alert" not in page)
    page.encode()
    return "reported"


def _resumed(path: Path) -> str:
    try:
        checkpoint.read(path)
    except WorkloadError as error:
        return refused(error)
    return "read"


def _parsed(path: Path) -> str:
    """argparse ends the process itself, with its one line on stderr."""
    errors, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(said):
        try:
            arguments.parse(json.loads(path.read_bytes()))
        except SystemExit as end:
            _require(end.code in TOLD)
            _require(end.code == 0 or len(errors.getvalue().splitlines()) == 1)
            return "refused: BadInput" if end.code else "helped"
    return "parsed"


def refused(error: WorkloadError) -> str:
    """How a documented error counts, if it is one line."""
    _require("\n" not in str(error))  # what else it holds is escaped where it is printed
    return f"refused: {type(error).__name__}"


def _require(holds: bool) -> None:
    if not holds:
        raise AssertionError
