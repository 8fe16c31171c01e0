"""Probes PyTorch in a child process.

A broken library ends its process by a signal, at import or in a kernel, which no `except`
catches. So a child runs the probe, and the parent reports how the child ended. If torch is
loaded already, as in `workload run`, the probe runs in this process: a second import takes
seconds.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from workload.core.descriptors import reserve_stdout
from workload.core.models.model import as_json, from_json
from workload.core.models.pytorch import Probed
from workload.doctor.probes.libraries import read_mapped_libraries
from workload.doctor.probes.torch_probe import probe

CHILD = (sys.executable, "-m", __name__)
ANSWER = "probed: "  # prefix of the answer's line; libraries print other lines
# More than a first import from a slow disk, the start of CUDA on many GPUs and the limit of
# several_gpus together; a driver that hangs never answers.
ANSWER_SEC = 300.0


@contextmanager
def probing(
    requested_device: str, root: Path = Path("/"), command: Sequence[str] = CHILD
) -> Iterator[Probed]:
    """Yield what PyTorch reports; meanwhile the child keeps its context on the GPU."""
    if "torch" in sys.modules:
        yield ask(requested_device, root)
        return
    try:
        child = subprocess.Popen(  # noqa: S603  this very module
            [*command, requested_device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
    except OSError as error:
        yield Probed(error=f"no process could be started: {error}")
        return
    with child:
        yield _answer(child)
        child.communicate()  # closes its stdin, which ends it


def ask(requested_device: str, root: Path = Path("/")) -> Probed:
    """Return what PyTorch reports in this process."""
    torch, error = probe(requested_device)
    return Probed(torch, error, mapped_libraries=read_mapped_libraries(root))


def _answer(child: "subprocess.Popen[str]") -> Probed:
    """Return the child's answer, or how it ended without one."""
    started = time.monotonic()
    watchdog = threading.Timer(ANSWER_SEC, child.kill)
    watchdog.start()
    try:
        for line in child.stdout or ():
            if line.startswith(ANSWER):
                return from_json(Probed, json.loads(line.removeprefix(ANSWER)))
        code = child.wait()
    finally:
        watchdog.cancel()
    if time.monotonic() - started >= ANSWER_SEC:
        return Probed(error=f"no answer within {ANSWER_SEC:g} s")
    if code < 0:
        return Probed(signal=_signal_name(-code))
    return Probed(error=f"the child process exited with code {code}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a number without a name
        return f"signal {number}"


def _exit_with_parent() -> None:
    """Exit when the parent closes the pipe or ends."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    answers = reserve_stdout()
    threading.Thread(target=_exit_with_parent).start()
    try:
        probed = ask(sys.argv[1])
    except BaseException as error:  # a library may even raise SystemExit
        probed = Probed(error=f"{type(error).__name__}: {error}")
    if answers:
        answers.write(f"{ANSWER}{json.dumps(as_json(probed))}\n".encode())
        answers.close()
