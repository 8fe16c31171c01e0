"""The standard descriptors: all three open, and stdout kept for the one document.

Native libraries print on descriptor 1 (MKL_VERBOSE=1, a printf that is flushed at the process's
exit), and child processes inherit it. With a document on stdout, that text belongs on stderr.
"""

import contextlib
import fcntl
import os
import sys
from typing import IO, AnyStr, BinaryIO

STDOUT, STDERR = 1, 2
FIRST_FREE = 3
LOST = "the output could not be written"


def open_standard() -> None:
    """Open /dev/null in place of each closed standard descriptor; make the others blocking.

    Otherwise the next file gets its number, and what a library prints is written into a record. If
    the parent process set O_NONBLOCK, writing the rest of a document to a full pipe would fail.
    """
    for number in range(FIRST_FREE):
        try:
            os.set_blocking(number, True)
        except OSError:
            _send_nowhere(number)


def reserve_stdout() -> BinaryIO | None:
    """Point descriptor 1 and `sys.stdout` at stderr for good; return a stream to what it was.

    None if stdout is closed. No child process inherits the stream.
    """
    document = None
    if sys.stdout is not None:
        kept = fcntl.fcntl(STDOUT, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
        document = os.fdopen(kept, "wb", closefd=False)  # a signal's thread may still write to it
    os.dup2(STDERR, STDOUT)
    sys.stdout = sys.stderr
    return document


def loss(stream: IO[AnyStr] | None, content: AnyStr) -> str | None:
    """Write and flush `content`; return why it is lost.

    None if it is not, or if its reader closed the pipe. After an error all further output is
    discarded, at interpreter exit too.
    """
    if stream is None:
        return "closed"
    try:
        stream.write(content)
        stream.flush()
    except OSError as error:
        _send_nowhere(stream.fileno())
        return None if isinstance(error, BrokenPipeError) else error.strerror or str(error)
    return None


def _send_nowhere(number: int) -> None:
    with contextlib.suppress(OSError):  # a system without /dev/null
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if nowhere == number:  # it was the lowest that is free
            os.set_inheritable(number, True)
        else:
            os.dup2(nowhere, number)
            os.close(nowhere)
