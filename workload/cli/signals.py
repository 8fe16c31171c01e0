"""Handle SIGTERM, SIGINT and SIGHUP at once, even during a long matmul in the main thread.

Python runs signal handlers between two bytecodes of the main thread, so a matmul of ten seconds
would delay them by ten seconds. Python's C code writes to the wakeup descriptor as soon as a
signal arrives, and a thread reads from it.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

from workload.core.errors import ExitCode
from workload.core.files import remove_unfinished

# How long saving may take before the process exits anyway: `docker stop` kills after ten seconds,
# and users expect it to take less than one.
GRACE_SEC = 0.8

_EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.TERMINATED,  # the terminal or the connection was closed
}
_writers: set[int] = set()  # after `serve`: the descriptor that Python writes signals to


def exit_on_signal() -> None:
    """Let signals end the process at once until `serve` is called: there is nothing to save yet.

    This also unblocks the signals: a launcher starts its ranks with SIGINT blocked.
    """
    for number in _EXIT_CODES:
        signal.signal(number, lambda caught, _frame: os._exit(_EXIT_CODES[signal.Signals(caught)]))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _EXIT_CODES)


def serve(save: Callable[[ExitCode], ExitCode]) -> None:
    """On SIGTERM, SIGINT or SIGHUP, call `save` and end the process with the code it returns.

    `save` runs in its own thread and may take GRACE_SEC, even if more signals arrive. If no thread
    can be started, a signal ends the process without `save`. Call this from the main thread. A
    later call replaces an earlier one.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if earlier in _writers:  # closing it ends the thread that reads from the pipe
        _writers.remove(earlier)
        os.close(earlier)
    _writers.add(writer)
    for number in _EXIT_CODES:
        signal.signal(number, _do_nothing)
    thread = threading.Thread(target=_wait, args=(reader, save), name="signals", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the doctor says why; commands that need threads fail
        exit_on_signal()


def _do_nothing(*_: object) -> None:
    """Do nothing, because the signal thread acts.

    Python writes a signal to the wakeup descriptor only if the signal has a Python handler.
    """


def _wait(reader: int, save: Callable[[ExitCode], ExitCode]) -> None:
    code = None
    while code is None:
        arrived = os.read(reader, 1)
        if not arrived:
            os.close(reader)
            return
        code = _EXIT_CODES.get(signal.Signals(arrived[0]))
    threading.Thread(target=save_and_exit, args=(code, save), daemon=True).start()
    time.sleep(GRACE_SEC)
    remove_unfinished()
    os._exit(code)


def save_and_exit(code: ExitCode, save: Callable[[ExitCode], ExitCode]) -> None:
    """Call `save`, and end the process with the code it returns, whatever the main thread does."""
    with contextlib.suppress(Exception):  # nothing may keep the process from exiting
        code = save(code)
    remove_unfinished()
    os._exit(code)
