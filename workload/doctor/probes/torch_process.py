"""Probe PyTorch in a child process.

A broken library may end its process by a signal, at import or in a kernel, and no `except` clause
catches that. Therefore a child runs the probe, and the parent reports how the child ended. If torch
is already loaded, as in `workload run`, the probe runs in this process, because a second import
takes seconds.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from workload.core.descriptors import reserve_stdout
from workload.core.models.model import as_json, from_json
from workload.core.models.pytorch import Probed
from workload.doctor.probes.libraries import read_mapped_libraries
from workload.doctor.probes.torch_probe import CUDA, SEVERAL, Tell, probe
from workload.hardware.child import Child, EndedError, HungError, NoAnswerError, end_with_parent
from workload.hardware.driver_process import driver_deadline

CHILD = (sys.executable, "-m", __name__)
PHASE = "phase: "  # prefix of a line that names the next phase
ANSWER = "probed: "  # prefix of the line with the answer; libraries print other lines
LINE = "torch "  # prefix of both kinds of lines
CHILD_THREADS = 2  # the main thread, and the thread that waits for the parent to end
IMPORT_SEC = 300.0  # longer than a first import from a slow disk
SEVERAL_SEC = 180.0  # longer than the time limit in several_gpus


@contextmanager
def probing(
    requested_device: str, root: Path = Path("/"), command: Sequence[str] = CHILD
) -> Iterator[Probed]:
    """Yield what PyTorch reports. The child keeps its CUDA context until the block ends.

    If the child hangs or dies after the import, another child probes without CUDA, and
    `torch.cuda_error` states how the first child ended.
    """
    if "torch" in sys.modules:
        yield ask(requested_device, root)
        return
    try:
        child = Child([*command, requested_device])
    except OSError as error:
        yield Probed(error=f"no process could be started: {error}")
        return
    try:
        probed, ended = _answer(child)
        yield probed if ended is None else _without_cuda(root, command, ended)
    finally:
        child.close()


def _without_cuda(root: Path, command: Sequence[str], ended: str) -> Probed:
    with probing("cpu", root, command) as found:
        torch = found.torch and replace(found.torch, cuda_error=ended)
        return replace(found, torch=torch)


def ask(requested_device: str, root: Path = Path("/"), begin: Tell = lambda _phase: None) -> Probed:
    """Return what PyTorch reports in this process."""
    torch, error = probe(requested_device, begin)
    return Probed(torch, error, mapped_libraries=read_mapped_libraries(root))


def _answer(child: Child) -> tuple[Probed, str | None]:
    """Return the child's answer, and how the child ended if it hung or died after the import."""
    limits_sec = {None: IMPORT_SEC, CUDA: driver_deadline.limit_sec, SEVERAL: SEVERAL_SEC}
    phase: str | None = None
    try:
        while True:
            waiting = driver_deadline.waiting if phase == CUDA else lambda: None
            line = child.answer(LINE, limits_sec[phase], waiting)
            if line.startswith(ANSWER):
                return from_json(Probed, json.loads(line.removeprefix(ANSWER))), None
            phase = line.removeprefix(PHASE)
    except NoAnswerError as error:
        if phase is not None:
            who = (
                "the NVIDIA driver"
                if isinstance(error, HungError)
                else "the process that loaded it"
            )
            return Probed(), f"{who} {error}"
        if isinstance(error, EndedError) and error.signal:
            return Probed(signal=error.signal), None
        return Probed(error=f"its process {error}"), None


def _exit_with_parent() -> None:
    """Exit when the parent closes the pipe or ends."""
    sys.stdin.read()
    os._exit(0)


def _main(answers: BinaryIO) -> None:
    """Write a line for each phase, then the answer."""

    def write(line: str) -> None:
        answers.write(f"{LINE}{line}\n".encode())
        answers.flush()

    try:
        probed = ask(sys.argv[1], begin=lambda phase: write(PHASE + phase))
    except BaseException as error:  # a library may even raise SystemExit
        probed = Probed(error=f"{type(error).__name__}: {error}")
    write(ANSWER + json.dumps(as_json(probed)))
    answers.close()


if __name__ == "__main__":
    end_with_parent()
    answers = reserve_stdout()
    # If the thread cannot be started, the child still exits after its answer.
    with contextlib.suppress(RuntimeError):
        threading.Thread(target=_exit_with_parent).start()
    if answers:
        _main(answers)
