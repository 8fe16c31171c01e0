"""Keep the standard descriptors open, and reserve stdout for one document.

Native libraries print to descriptor 1 (with MKL_VERBOSE=1, or by a printf that is flushed when the
process exits), and child processes inherit it. If a command writes a document to stdout, all other
text must go to stderr.
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

    Otherwise the next file that is opened would get the number of a closed descriptor, and output
    of a library could be written into a record. If the parent process set O_NONBLOCK, writing a
    document to a full pipe would fail.
    """
    for number in range(FIRST_FREE):
        try:
            os.set_blocking(number, True)
        except OSError:
            _send_nowhere(number)


def reserve_stdout() -> BinaryIO | None:
    """Redirect descriptor 1 and `sys.stdout` to stderr; return a stream to the original stdout.

    Return None if stdout is closed. Child processes do not inherit the stream.
    """
    document = None
    if sys.stdout is not None:
        kept = fcntl.fcntl(STDOUT, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
        document = os.fdopen(kept, "wb", closefd=False)  # the signal thread may still use it
    os.dup2(STDERR, STDOUT)
    sys.stdout = sys.stderr
    return document


def loss(stream: IO[AnyStr] | None, content: AnyStr) -> str | None:
    """Write and flush `content`; return the reason if this fails.

    Return None if `content` was written or the reader closed the pipe. After an error, all further
    output is discarded, including output at interpreter exit.
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
    with contextlib.suppress(OSError):  # the system may have no /dev/null
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if nowhere == number:  # `number` was closed, and open() reused it
            os.set_inheritable(number, True)
        else:
            os.dup2(nowhere, number)
            os.close(nowhere)
