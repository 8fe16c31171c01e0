"""Runs the command line in this process."""

import os
import sys
from collections.abc import Callable

import pytest
from support.brief_limits import BRIEF_SEC
from support.outcome import Outcome

from workload.cli import main, signals
from workload.cli.commands import matmul, train
from workload.cli.steps import measure
from workload.core import places
from workload.core.models.device import DeviceInfo
from workload.hardware import devices
from workload.hardware.cuda_problem import Problem
from workload.hardware.waits import Watch


@pytest.fixture
def workload(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """`workload("matmul", "--sizes", "64")`, without taking over pytest's signals.

    Without a GPU wherever it runs, so that these tests say the same in both images.
    """
    problem = Problem("hidden from the unit tests", "run tests/gpu")
    monkeypatch.setattr(devices, "cuda_problem", lambda _index: problem)
    monkeypatch.setattr(signals, "serve", lambda _save: None)
    monkeypatch.setattr(signals, "exit_on_signal", lambda: None)
    # Not so of a folder of the test in the /tmp of a test image.
    monkeypatch.setattr(places, "ends_with_container", lambda _folder: False)
    # Set for parallel workers; a command warns of it.
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    # Two seconds less for each of many calls; tests of their own cover them.
    monkeypatch.setattr(matmul, "with_best_threads", lambda device, *_: device)
    monkeypatch.setattr(train, "faster_threads", lambda *_: None)
    monkeypatch.setattr(measure, "limiting_operations", lambda _device: [])
    monkeypatch.setattr(measure, "MAX_LIMITS_SEC", BRIEF_SEC)
    # Whatever else runs on this machine.
    monkeypatch.setattr(Watch, "waits", lambda _watch: None)

    def call(*argv: object) -> Outcome:
        capfd.readouterr()
        stream, descriptor = sys.stdout, os.dup(1)
        try:
            code = main.main([str(word) for word in argv])
        except SystemExit as leaving:  # argparse leaves this way
            code = int(leaving.code or 0)
        finally:
            sys.stdout = stream  # a command that prints a document points both at stderr
            os.dup2(descriptor, 1)
            os.close(descriptor)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def cpu() -> DeviceInfo:
    """This machine's CPU."""
    return devices.resolve("cpu")
