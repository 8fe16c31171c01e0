"""What PyTorch says, asked in a process that it may end.

A broken library ends its process by a signal, at import or in a kernel, and no `except` sees
that. So a child of this module asks, and the parent tells how the child ended. Where torch is
loaded already, as in `workload run`, it is asked at once: a second import would cost seconds.
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
from dataclasses import dataclass
from pathlib import Path

from workload.core.results import as_json, from_json
from workload.doctor.probes.libraries import read_mapped_libraries
from workload.doctor.probes.torch_probe import TorchFacts, probe

CHILD = (sys.executable, "-m", __name__)
ANSWER = "probed: "  # what begins the answer's line; libraries print lines of their own
# A first import from a slow disk, CUDA's start on many cards and the several GPUs' own limit take
# well under this; a driver that hangs never answers.
ANSWER_SEC = 300.0


@dataclass(frozen=True)
class Probed:
    """PyTorch's facts, or why there are none; `signal` ended the process that asked."""

    torch: TorchFacts | None = None
    error: str | None = None
    signal: str | None = None  # "SIGILL"
    mapped_libraries: tuple[str, ...] = ()  # CUDA's, in the process that asked


@contextmanager
def probing(
    requested_device: str, root: Path = Path("/"), command: Sequence[str] = CHILD
) -> Iterator[Probed]:
    """What PyTorch says. Within, the process that asked keeps its context on the GPU."""
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
        yield Probed(error=f"no process to ask: {error}")
        return
    with child:
        yield _answer(child)
        child.communicate()  # closes its stdin, and so it leaves


def ask(requested_device: str, root: Path = Path("/")) -> Probed:
    """What PyTorch says in this process."""
    torch, error = probe(requested_device)
    return Probed(torch, error, mapped_libraries=read_mapped_libraries(root))


def _answer(child: "subprocess.Popen[str]") -> Probed:
    """The child's answer, or how it ended without one."""
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
    return Probed(error=f"the process that asked ended with code {code}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the numbers without a name
        return f"signal {number}"


def _leave_with_parent() -> None:
    """The parent's end of the pipe closes when it needs no more, or is gone itself."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_leave_with_parent).start()
    try:
        probed = ask(sys.argv[1])
    except BaseException as error:  # a library may even raise SystemExit
        probed = Probed(error=f"{type(error).__name__}: {error}")
    print(ANSWER + json.dumps(as_json(probed)))  # noqa: T201  what the parent reads
    sys.stdout.close()
