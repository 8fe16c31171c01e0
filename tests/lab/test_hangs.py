"""A GPU that stops answering ends a command, whose record has what was done before."""

import shlex
from pathlib import Path

import pytest
from support.lab.driver_lab import HOST, Lab, Machine

from workload.core import records
from workload.core.errors import XID
from workload.core.models.record import Record

# The command, the function that hangs and from which call on.
HANGS = {
    "the first kernel": ("train", "launch@1"),
    "a training by graphs": ("train --mode graph --steps 1000", "cudaGraphLaunch@3"),
    "a kernel in the middle of verify": ("verify --dtypes float32", "launch@20"),
    "a matmul's event": ("matmul --sizes 64 --budget 2", "cudaEventSynchronize@100"),
    "an event's time, which keeps Python's lock": (
        "matmul --sizes 64 --budget 2",
        "cudaEventElapsedTime@20",
    ),
    "a stream, which keeps Python's lock": (
        "train --mode graph --steps 1000",
        "cudaStreamCreateWithPriority@1",
    ),
    "an event of a whole run": ("run --budget 5 --sizes 64", "cudaEventSynchronize@200"),
}


def run(
    lab: Lab, root: Path, command: str, hangs: str, limit_sec: int = 12
) -> tuple[list[str], int, Record]:
    """Return the command's lines on stderr, its exit code and its record."""
    name, *rest = shlex.split(command)
    output, machine = root / "records", root / "machine"
    output.mkdir()
    machine.mkdir()
    ended = lab.run(
        Machine(HOST, {"cuda": {"fail": f"{hangs}=hang"}}),
        machine,
        [name, *rest, "--driver-timeout", str(limit_sec), "--output", str(output)],
    )
    (saved,) = output.glob("*.json")
    lines = [line for line in ended.stderr.splitlines() if line.startswith("workload ")]
    return lines, ended.returncode, records.load(saved)


@pytest.mark.parametrize(("command", "hangs"), HANGS.values(), ids=list(HANGS))
def test_a_command_ends_when_its_gpu_stops_answering(
    command: str, hangs: str, lab: Lab, tmp_path: Path
) -> None:
    lines, code, record = run(lab, tmp_path, command, hangs)
    what = f"workload {command.split(maxsplit=1)[0]}: cuda:0 was lost (no answer within "
    (line,) = [line for line in lines if line.startswith(what)]
    assert line.endswith(f" s): {XID}, or wait longer with --driver-timeout")
    assert (code, record.exit_code, record.status) == (4, 4, "failed")
    assert record.action == "reboot"
    assert line.endswith(f": {record.reason}")


def test_the_steps_before_a_hang_are_in_the_record(lab: Lab, tmp_path: Path) -> None:
    steps = "train --device cuda --steps 1000"
    _, _, record = run(lab, tmp_path, steps, "cudaEventRecord@14", limit_sec=20)
    (training,) = record.train or ()
    assert len(training.losses) in (100, 200)
