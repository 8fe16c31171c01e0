"""Take the steps one after another, each within its time, and keep what they leave."""

import io
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from tools.gpu_proof import child, packages
from tools.gpu_proof.folder import Folder, Output
from tools.gpu_proof.plan import DISTRIBUTIONS, ROOT, STEP_SEC, Step

from workload.core.errors import ExitCode
from workload.core.files import read_json

PASSED, FAILED, WRONG, SLOW = "passed", "failed", "wrong numbers", "slow"
OUT_OF_TIME, NOT_RUN, NOT_APPLICABLE = "out of time", "not run", "not applicable"
STATES = {ExitCode.OK: PASSED, ExitCode.WRONG_NUMBERS: WRONG, ExitCode.TOO_SLOW: SLOW}
# The lines that say how a step went: of pytest, of the modes, of the commands.
SAID = re.compile(
    r"(FAILED|ERROR|NOT ALLOWED|Tests:) |.*\bMISSED\b|(doctor +)?(PASS|WARN|FAIL)\b|workload \w+: "
)
MAX_SAID = 40
OWN_SHARE = 0.75  # of a step's time: what a program may use that plans for itself
MAX_RESULT_BYTES = 1 << 20
SIGNALS = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.TERMINATED,
}


class Stopped(BaseException):
    """A signal ends the proof."""

    def __init__(self, code: ExitCode) -> None:
        """Carry the exit code."""
        super().__init__(code)
        self.code = code


def stop_on_signals() -> None:
    """Let the first signal end the step and the proof in good order, and ignore others.

    SIGHUP stays ignored where it is: under nohup the proof goes on when its terminal is gone.
    """

    def stop(number: int, _frame: object) -> NoReturn:
        ignore_signals()
        raise Stopped(SIGNALS[signal.Signals(number)])

    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


def ignore_signals() -> None:
    """Let no signal but SIGKILL disturb what is left to do."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def accept_any_text() -> None:
    """Let every text be printed, whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_line(line: str) -> None:
    """Print a line; the proof goes on if stdout is closed."""
    try:
        print(line, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Proof:
    """The steps taken so far, and how they ended."""

    def __init__(self, folder: Folder, scratch: Path) -> None:
        """Start the clock."""
        self._folder = folder
        self._scratch = scratch
        self._started = time.monotonic()
        self._without_gpu: str | None = None
        self._cpu_build = False
        self.states: list[str] = []

    def run(self, steps: Sequence[Step]) -> None:
        """Take all steps: each has its share, and what the earlier ones did not use."""
        due_sec = 0.0
        for step in steps:
            due_sec += step.share_sec
            if reason := self._why_not_applicable(step):
                self._ended(step, NOT_APPLICABLE, said=[reason])
            elif reason := self._why_not_run(step):
                self._ended(step, NOT_RUN, said=[reason])
            else:
                self._run(step, due_sec - self._elapsed_sec)

    @property
    def exit_code(self) -> ExitCode:
        """Return the most severe of the steps' codes."""
        codes = {
            WRONG: ExitCode.WRONG_NUMBERS,
            SLOW: ExitCode.TOO_SLOW,
            **dict.fromkeys((PASSED, NOT_APPLICABLE), ExitCode.OK),
        }
        found = {codes.get(state, ExitCode.UNFIT) for state in self.states}
        order = (ExitCode.WRONG_NUMBERS, ExitCode.UNFIT, ExitCode.TOO_SLOW)
        return next((code for code in order if code in found), ExitCode.OK)

    @property
    def _elapsed_sec(self) -> float:
        return time.monotonic() - self._started

    def _why_not_applicable(self, step: Step) -> str | None:
        """Return why a step is not for this machine: that is no failure."""
        if step.cuda_build and self._cpu_build and not step.gpu:
            return "this PyTorch is a CPU build"
        return step.not_applicable

    def _why_not_run(self, step: Step) -> str | None:
        """Return why a step cannot be taken."""
        if step.gpu and self._without_gpu is not None:
            return f"no GPU: {self._without_gpu}"
        lacking = [DISTRIBUTIONS[module] for module in packages.missing(step.modules)]
        return f"not installed: {', '.join(lacking)}" if lacking else None

    def _run(self, step: Step, limit_sec: float) -> None:
        """Run one step, and keep what it leaves however it ends."""
        self._folder.event("started", step=step.name, command=list(step.command))
        self._folder.log(f"\n==== {step.name}: at most {limit_sec:.0f} s\n".encode())
        output = Output(self._folder)
        try:
            own_sec = OWN_SHARE * limit_sec
            ended = child.run(
                step.command, limit_sec, output.write, environment() | {STEP_SEC: f"{own_sec:.1f}"}
            )
        except Stopped:
            output.finish()
            self._ended(step, FAILED, said=["ended by a signal"], **self._kept(step))
            raise
        output.finish()
        state = STATES.get(ended.exit_code, FAILED)  # type: ignore[call-overload]  # None, too
        if ended.out_of_time:
            state = OUT_OF_TIME
        self._ended(
            step,
            state,
            exit_code=ended.exit_code,
            sec=round(ended.seconds, 1),
            said=[ended.problem] if ended.problem else last_lines(output.last),
            **self._kept(step),
        )

    def _ended(self, step: Step, state: str, said: Sequence[str], **fields: Any) -> None:
        self.states.append(state)
        self._folder.event("ended", step=step.name, state=state, said=list(said), **fields)
        seconds = f"{fields['sec']:6.1f} s" if "sec" in fields else " " * 8
        print_line(f"{state:14} {step.name:14} {seconds}  {said[-1] if said else ''}")

    def _kept(self, step: Step) -> dict[str, Any]:
        """Copy the step's record out and return what the event has of it."""
        kept: dict[str, Any] = {"kept": []}
        if step.keep:
            pattern, name = step.keep
            for path in sorted(self._scratch.glob(pattern))[-1:]:
                problem = self._folder.keep(path, name)
                kept["kept"].append(name) if problem is None else kept.update(left_out=problem)
        if step.result:
            for path in sorted(self._scratch.glob(step.result))[-1:]:
                with suppress(Exception):  # torn, or too large for a line
                    kept["result"] = read_json(path, MAX_RESULT_BYTES, "a result")
        self._note_facts(step, kept.get("result"))
        return kept

    def _note_facts(self, step: Step, result: Any) -> None:
        """Remember what is missing here. Facts that hung or crashed show nothing."""
        if step.name != "facts" or not isinstance(result, dict):
            return
        torch, gpu = result.get("torch"), result.get("gpu")
        self._cpu_build = isinstance(torch, dict) and torch.get("cuda") is None
        if isinstance(gpu, dict) and not gpu.get("usable"):
            self._without_gpu = str(gpu.get("problem"))


def environment() -> dict[str, str]:
    """Return the steps' environment: this interpreter's packages, no colors, no stray plugins."""
    path = [str(ROOT), *(entry for entry in os.environ.get("PYTHONPATH", "").split(":") if entry)]
    return {
        **os.environ,
        "PYTHONPATH": ":".join(dict.fromkeys(path)),
        "PYTHONUNBUFFERED": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }


def last_lines(lines: Sequence[str]) -> list[str]:
    """Return the lines that say how a step went, or the last."""
    told = [line for line in lines if SAID.match(line)]
    return told[-MAX_SAID:] or list(lines)[-1:]


def start_event(device: str, budget_sec: float, smoke: bool) -> dict[str, Any]:
    """Return what the first event has."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device,
        "budget_sec": budget_sec,
        "smoke": smoke,
        "revision": revision(),
    }


def revision() -> str | None:
    """Return the commit: the image's, the caller's, or the checkout's."""
    for name in ("WORKLOAD_REVISION", "REVISION"):
        if os.environ.get(name):
            return os.environ[name]
    with suppress(OSError):
        head = (ROOT / ".git/HEAD").read_text().strip()
        name = head.removeprefix("ref: ")
        return (ROOT / ".git" / name).read_text().strip() if name != head else head
    return None
