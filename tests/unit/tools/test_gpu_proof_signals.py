"""A proof that is ended leaves what it had."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.gpu_proofs import events
from support.processes import is_running, wait_until
from tools.gpu_proof.folder import LOG

ENOUGH_SEC = 60.0
TESTS = Path(__file__).parents[2]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


DRIVER = """
import signal, sys
from pathlib import Path
from tools.gpu_proof.folder import Folder
from tools.gpu_proof.plan import Step
from tools.gpu_proof.proof import Proof, Stopped, stop_on_signals
out = Path(sys.argv[1])
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[2]))
stop_on_signals()
WAIT = "import os, time; print('here', os.getpid()); time.sleep(600)"
steps = [Step("one", float(sys.argv[3]), (sys.executable, "-c", "print('done')")),
         Step("two", float(sys.argv[3]), (sys.executable, "-c", WAIT))]
try:
    Proof(Folder(out), out).run(steps)
except Stopped as stopped:
    sys.exit(int(stopped.code))
"""


def started(
    out: Path, hang_up: str = "SIG_DFL", share_sec: float = 600.0
) -> "subprocess.Popen[str]":
    """Start a proof in a process of its own, and wait until it is in its second step."""
    proof = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(out), hang_up, str(share_sec)],
        env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    log = out / LOG
    wait_until(proof, lambda: log.exists() and "here " in log.read_text())
    return proof


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)],
)
def test_a_proof_that_is_ended_leaves_what_it_had(number: int, code: int, out: Path) -> None:
    with started(out) as proof:
        proof.send_signal(number)
        assert proof.wait(ENOUGH_SEC) == code
    step_two = int((out / LOG).read_text().split("here ")[1].split()[0])
    while is_running(step_two):  # the test's limit ends this
        time.sleep(0.01)
    assert [event["step"] for event in events(out, "started")] == ["one", "two"]
    ended = {event["step"]: event["said"] for event in events(out)}
    assert ended["one"] == ["done"]
    assert ended.get("two") == (None if number == signal.SIGKILL else ["ended by a signal"])


def test_a_proof_under_nohup_goes_on_when_its_terminal_is_gone(out: Path) -> None:
    with started(out, "SIG_IGN", share_sec=4.0) as proof:
        proof.send_signal(signal.SIGHUP)
        assert proof.stdout
        proof.stdout.close()  # the terminal
        assert proof.wait(ENOUGH_SEC) == 0
    assert [event["state"] for event in events(out)] == ["passed", "out of time"]
