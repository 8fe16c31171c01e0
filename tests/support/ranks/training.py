"""Run `workload train` on ranks, and kill its workers."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from support.ranks import processes

from workload.core.train_spec import TrainSpec

LIMIT_SEC = 240
FLOAT64 = ("--dtype", "float64")
# Steps that are long enough for a kill between two of them.
LONG_SPEC = TrainSpec(input_size=3000, learning_rate=3e-7, dtype="float64")
LONG = (
    *("--input-size", LONG_SPEC.input_size, "--learning-rate", LONG_SPEC.learning_rate),
    *("--dtype", LONG_SPEC.dtype, "--checkpoint-every", 5),
)


def start(*words: object, **variables: str) -> subprocess.Popen[str]:
    """Start it; one thread a rank, and the record on stdout."""
    command = ("-m", "workload", "train", "--device", "cpu", "--threads", "1", "--json")
    return processes.start(*command, *words, OMP_NUM_THREADS=None, **variables)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for it; return its exit code and what it printed."""
    return processes.outcome(process, LIMIT_SEC)


def trained(*words: object) -> dict[str, Any]:
    """Train to the end; return the training of the record."""
    return result_of(start(*words))


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait until it has trained; return the training of the record."""
    code, out, errors = ended(process)
    assert code == 0, errors
    (result,) = json.loads(out)["train"]
    return dict(result)


def kill_ranks(
    process: subprocess.Popen[str], saved: Path, times: int, steps: int, seed: int
) -> list[int]:
    """Kill a random rank at random ones of `steps`, which the file `saved` shows; return those."""
    chance = random.Random(seed)
    killed_at: list[int] = []
    # A rank that starts again goes on from the last save: each kill has a later step.
    for target in sorted(chance.sample(range(10, steps - 30), times)):
        end = time.monotonic() + LIMIT_SEC
        while (step := saved_step(saved)) < target:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, f"no step {target} within {LIMIT_SEC} s"
            time.sleep(0.001)
        os.kill(chance.choice(processes.ranks_of(process.pid)), signal.SIGKILL)
        killed_at.append(step)
    return killed_at


def saved_step(path: Path) -> int:
    """The step of a checkpoint; 0 without one."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            return int(json.loads(file.read(length))["__metadata__"]["step"])
    except FileNotFoundError:
        return 0
