"""A proof goes through all its steps, whatever each of them does."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.gpu_proofs import events
from support.processes import is_running
from tools.gpu_proof import child
from tools.gpu_proof.folder import LOG, Folder
from tools.gpu_proof.plan import Step
from tools.gpu_proof.proof import Proof

from workload.core.errors import ExitCode

ENOUGH_SEC = 60.0
TESTS = Path(__file__).parents[2]
NO_GPU = (
    'import sys; open(sys.argv[1], "w").write(\'{"gpu": {"usable": false, "problem": "none"}}\')'
)


def step(name: str, code: str, share_sec: float = ENOUGH_SEC, **fields: Any) -> Step:
    return Step(name, share_sec, (sys.executable, "-c", code), **fields)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def taken(out: Path, *steps: Step) -> tuple[list[str], ExitCode]:
    """Take the steps; their states and the exit code."""
    scratch = out.parent / "scratch"
    scratch.mkdir()
    proof = Proof(Folder(out), scratch)
    proof.run(steps)
    return proof.states, proof.exit_code


@pytest.mark.parametrize(
    ("code", "state", "ends_with"),
    [
        ("", "passed", ExitCode.OK),
        ("raise SystemExit(3)", "wrong numbers", ExitCode.WRONG_NUMBERS),
        ("raise SystemExit(5)", "slow", ExitCode.TOO_SLOW),
        ("raise SystemExit(4)", "failed", ExitCode.UNFIT),
        ("import os; os.abort()", "failed", ExitCode.UNFIT),
    ],
)
def test_a_step_ends_as_its_exit_code_says_and_the_next_one_runs(
    code: str, state: str, ends_with: ExitCode, out: Path
) -> None:
    assert taken(out, step("one", code), step("two", "")) == ([state, "passed"], ends_with)


def test_the_last_line_of_a_step_says_how_it_went(out: Path) -> None:
    taken(out, step("one", "print('first'); raise SystemExit('out of ideas')"))
    assert events(out)[0]["said"] == ["out of ideas"]


def test_of_a_test_session_the_failures_and_the_counts_are_said(out: Path) -> None:
    lines = "noise\\nFAILED tests/gpu/test_a.py::test_b - wrong\\nTests: 3 passed\\nnoise"
    taken(out, step("one", f"print('{lines}')"))
    told = ["FAILED tests/gpu/test_a.py::test_b - wrong", "Tests: 3 passed"]
    assert events(out)[0]["said"] == told


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(600)",
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)",
        "while True: print('x' * 1000)",
    ],
)
def test_a_step_that_does_not_end_is_stopped_and_the_next_one_runs(code: str, out: Path) -> None:
    started = time.monotonic()
    states, ends_with = taken(out, step("one", code, 2.0), step("two", ""))
    assert (states, ends_with) == (["out of time", "passed"], ExitCode.UNFIT)
    assert time.monotonic() - started < ENOUGH_SEC


def test_a_step_whose_time_is_up_can_still_save_its_record(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "MAX_SAVE_SHARE", 0.9)
    path = out.parent / "scratch/a.json"
    code = f"""
import time
try:
    time.sleep(600)
except KeyboardInterrupt:
    open({str(path)!r}, "w").write("[1]")
"""
    states, _ = taken(out, step("one", code, 6.0, keep=("a.json", "a.json")))
    assert states == ["out of time"]
    assert json.loads((out / "a.json").read_text()) == [1]


def test_a_grandchild_that_holds_the_output_holds_nothing_up_and_is_ended(out: Path) -> None:
    code = (
        "import subprocess, sys; "
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    )
    started = time.monotonic()
    assert taken(out, step("one", code)) == (["passed"], ExitCode.OK)
    assert time.monotonic() - started < ENOUGH_SEC
    grandchild = int(events(out)[0]["said"][0])
    while is_running(grandchild):  # a signal takes its time; the test's limit ends this
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_process_that_cannot_be_killed_is_left_behind(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_signal", lambda *_: None)  # as in an uninterruptible wait
    hangs = "import os, time; print(os.getpid()); time.sleep(600)"
    states, _ = taken(out, step("one", hangs, 1.0), step("two", ""))
    os.kill(int((out / LOG).read_text().splitlines()[2]), signal.SIGKILL)
    assert states == ["out of time", "passed"]
    assert events(out)[0]["said"] == ["it cannot be killed: the kernel holds it"]


def test_a_step_uses_the_time_that_earlier_ones_left(out: Path) -> None:
    taken(out, step("one", "", 40.0), step("two", "import time; time.sleep(1)", 0.5))
    assert events(out)[1]["state"] == "passed"


def test_a_step_that_plans_for_itself_knows_the_time_it_has(out: Path) -> None:
    tells = "import os; print(os.environ['GPU_PROOF_STEP_SEC'])"
    taken(out, step("one", "", 40.0), step("two", tells, 40.0))
    assert 30 < float(events(out)[1]["said"][0]) <= 60  # three quarters of what is left of 80


def test_a_command_that_cannot_start_fails_in_one_line(out: Path) -> None:
    states, _ = taken(out, Step("one", 5.0, ("/nowhere/python",)))
    assert states == ["failed"]
    assert events(out)[0]["said"] == ["/nowhere/python: No such file or directory"]


def test_without_a_gpu_the_steps_that_need_one_are_not_run_and_say_why(out: Path) -> None:
    facts = Step(
        "facts",
        ENOUGH_SEC,
        (sys.executable, "-c", NO_GPU, str(out.parent / "scratch/facts.json")),
        result="facts.json",
    )
    states, ends_with = taken(out, facts, step("two", "", gpu=True), step("three", ""))
    assert (states, ends_with) == (["passed", "not run", "passed"], ExitCode.UNFIT)
    assert events(out)[1]["said"] == ["no GPU: none"]


@pytest.mark.parametrize(
    ("cuda", "state", "said"),
    [("null", "not applicable", "this PyTorch is a CPU build"), ('"13.0"', "passed", "tried")],
)
def test_a_rehearsal_on_a_cpu_build_leaves_out_the_files_it_lacks_and_does_not_fail(
    cuda: str, state: str, said: str, out: Path
) -> None:
    told = f'{{"torch": {{"cuda": {cuda}}}, "gpu": {{"usable": false, "problem": "none"}}}}'
    path = str(out.parent / "scratch/facts.json")
    facts = step("facts", f"open({path!r}, 'w').write({told!r})", result="facts.json")
    files = step("cuts", "print('tried')", cuda_build=True)
    assert taken(out, facts, files) == (["passed", state], ExitCode.OK)
    assert events(out)[1]["said"] == [said]


def test_a_proof_on_a_cpu_build_fails(out: Path) -> None:
    told = '{"torch": {"cuda": null}, "gpu": {"usable": false, "problem": "this is no CUDA build"}}'
    path = str(out.parent / "scratch/facts.json")
    facts = step("facts", f"open({path!r}, 'w').write({told!r})", result="facts.json")
    files = step("cuts", "print('tried')", cuda_build=True, gpu=True)
    assert taken(out, facts, files) == (["passed", "not run"], ExitCode.UNFIT)
    assert events(out)[1]["said"] == ["no GPU: this is no CUDA build"]


def test_a_step_that_is_not_taken_here_says_why_and_is_no_failure(out: Path) -> None:
    left_out = step("modes", "raise SystemExit(1)", not_applicable="a rehearsal")
    assert taken(out, left_out) == (["not applicable"], ExitCode.OK)
    assert events(out)[0]["said"] == ["a rehearsal"]


def test_facts_that_crash_do_not_keep_the_gpus_steps_from_trying(out: Path) -> None:
    states, _ = taken(out, step("facts", "raise SystemExit(1)"), step("two", "", gpu=True))
    assert states == ["failed", "passed"]


def test_a_step_whose_packages_are_missing_names_them(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.gpu_proof.packages.find_spec", lambda _name: None)
    states, _ = taken(out, step("one", "", modules=("torch", "pynvml")))
    assert states == ["not run"]
    assert events(out)[0]["said"] == ["not installed: torch, nvidia-ml-py"]


@pytest.mark.parametrize("code", ["", "raise SystemExit(4)"])
def test_a_record_is_kept_at_once_however_its_step_ends(code: str, out: Path) -> None:
    path = out.parent / "scratch/a-1.json"
    program = f"open({str(path)!r}, 'w').write('{{}}'); {code}"
    taken(out, step("one", program, keep=("a-*.json", "a.json")))
    assert json.loads((out / "a.json").read_text()) == {}
    assert events(out)[0]["kept"] == ["a.json"]


def test_the_same_interpreter_s_packages_and_no_other_plugins_reach_a_step(out: Path) -> None:
    code = (
        "import os, workload; "
        "print(os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'], workload.__name__)"
    )
    taken(out, step("one", code))
    assert events(out)[0]["said"] == ["1 workload"]
