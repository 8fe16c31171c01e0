"""Serves SIGTERM and SIGINT at once, even while the main thread is inside a long product.

Python runs signal handlers between two bytecodes of the main thread, so a product of ten
seconds would delay them by ten seconds. The wakeup descriptor is written from C at the
moment the signal arrives; a thread waits for it there.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

from workload.core.errors import ExitCode, UnfitError
from workload.core.files import remove_unfinished

# How long saving may take before the process leaves anyway: `docker stop` kills after ten
# seconds, and people expect a stop within one.
GRACE_SEC = 0.8

_EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.TERMINATED,  # the terminal or the connection has gone
}
_writers: set[int] = set()  # the descriptor through which signals arrive, where one does


def exit_on_signal() -> None:
    """Until `serve`, when there is nothing to save yet: a signal ends the process at once."""
    for number in _EXIT_CODES:
        signal.signal(number, lambda caught, _frame: os._exit(_EXIT_CODES[signal.Signals(caught)]))


def serve(save: Callable[[ExitCode], ExitCode]) -> None:
    """From now on a SIGTERM or SIGINT calls `save` and ends the process with what it returns.

    `save` runs in a thread of its own and gets GRACE_SEC, whatever other signals come. Must
    be called from the main thread, and takes the place of an earlier call.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if earlier in _writers:  # its end lets the thread that waits there end too
        _writers.remove(earlier)
        os.close(earlier)
    _writers.add(writer)
    for number in _EXIT_CODES:
        signal.signal(number, _do_nothing)
    try:
        threading.Thread(target=_wait, args=(reader, save), name="signals", daemon=True).start()
    except RuntimeError as error:  # "can't start new thread"
        raise UnfitError(f"{error}: allow this container or user more processes") from error


def _do_nothing(*_: object) -> None:
    """The work is done by the thread; without a handler the wakeup descriptor stays silent."""


def _wait(reader: int, save: Callable[[ExitCode], ExitCode]) -> None:
    code = None
    while code is None:
        arrived = os.read(reader, 1)
        if not arrived:
            os.close(reader)
            return
        code = _EXIT_CODES.get(signal.Signals(arrived[0]))
    threading.Thread(target=_save_and_exit, args=(code, save), daemon=True).start()
    time.sleep(GRACE_SEC)
    remove_unfinished()
    os._exit(code)


def _save_and_exit(code: ExitCode, save: Callable[[ExitCode], ExitCode]) -> None:
    with contextlib.suppress(Exception):  # nothing may keep the process from leaving
        code = save(code)
    remove_unfinished()
    os._exit(code)
