"""SIGTERM and SIGINT end a long matmul, with a partial record."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import brief_limits
from support.processes import wait_until_busy

from workload.core import records
from workload.core.models.case import CaseStatus, Kind
from workload.core.models.model import as_json

# A double-precision product of 10000 takes over 20 s on two cores.
LONG = "matmul --sizes 10000 --dtypes float64 --budget 1e6 --device cpu --json".split()

TRAINING = "train --steps 10000000 --device cpu --json".split()


@contextmanager
def started(options: list[str], output: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of the command line, killed at the end."""
    command = [sys.executable, brief_limits.__file__, *options, "--output", str(output)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def long_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a product that takes over five seconds."""
    with started(LONG, tmp_path) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("device     cpu")
        wait_until_busy(process, cpu_sec=2)  # it multiplies by then
        yield process


@pytest.fixture
def long_training(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a training that takes minutes; its first 300 steps are done."""
    with started(TRAINING, tmp_path) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("Iteration:  300"):
            assert process.poll() is None
        yield process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_long_product_with_its_code_and_a_valid_record(
    number: signal.Signals, code: int, long_run: subprocess.Popen[str], tmp_path: Path
) -> None:
    long_run.send_signal(number)
    stdout, stderr = long_run.communicate(timeout=5)
    assert long_run.returncode == code
    assert "Traceback" not in stderr
    (path,) = tmp_path.glob("*.json")
    saved = records.load(path)
    assert (saved.status, saved.exit_code) == ("interrupted", code)
    (product,) = (case for case in saved.cases or () if case.kind is Kind.MATMUL)
    assert product.status is CaseStatus.INTERRUPTED
    assert json.loads(stdout)["status"] == "interrupted"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_training_with_its_code_and_the_losses_so_far(
    number: signal.Signals, code: int, long_training: subprocess.Popen[str], tmp_path: Path
) -> None:
    long_training.send_signal(number)
    time.sleep(0.1)  # of two that wait at once the kernel delivers the lower number first
    long_training.send_signal(signal.SIGINT)  # an impatient user
    stdout, _ = long_training.communicate(timeout=5)
    assert long_training.returncode == code
    (path,) = tmp_path.iterdir()
    saved = records.load(path)
    assert (saved.status, saved.exit_code) == ("interrupted", code)
    assert saved.train
    assert len(saved.train[0].losses) >= 100
    assert json.loads(stdout) == as_json(saved)


def test_a_second_signal_does_not_wait_for_the_first(long_run: subprocess.Popen[str]) -> None:
    long_run.send_signal(signal.SIGINT)
    long_run.send_signal(signal.SIGINT)
    long_run.communicate(timeout=5)
    assert long_run.returncode == 130


SERVED_TWICE = """
import os, signal, threading, time
from workload.cli import signals

def count():
    return threading.active_count(), len(os.listdir("/proc/self/fd"))

signals.serve(lambda code: 1)
before = count()
signals.serve(lambda code: 7)
until = time.monotonic() + 10
while count() != before and time.monotonic() < until:
    time.sleep(0.01)
print(before == count(), flush=True)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(10)
"""


def test_serving_again_takes_the_place_of_serving_before() -> None:
    command = [sys.executable, "-c", SERVED_TWICE]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout, ended.returncode) == ("True\n", 7)
