"""Exit codes, and the exceptions that carry them."""

import errno
from collections.abc import Iterable
from enum import IntEnum

# What to do if a system limit is reached, by the errno of the error.
FIX_OF_LIMIT = {
    errno.EMFILE: "raise the limit of open files: ulimit -n 1024",
    errno.ENFILE: "close programs: the whole system has too many open files",
    errno.ENOMEM: "allow more memory: --memory, ulimit -v or ulimit -d",
    errno.EAGAIN: "allow more processes and threads: --pids-limit or ulimit -u",
    errno.EFBIG: "raise the file size limit: ulimit -f unlimited, or --ulimit fsize=-1 in Docker",
}


class ExitCode(IntEnum):
    """The exit codes of the program. The README has the same table."""

    OK = 0
    BUG = 1  # an unexpected error
    BAD_INPUT = 2
    WRONG_NUMBERS = 3
    UNFIT = 4  # the environment: no device, old driver, not enough memory, nothing could run
    TOO_SLOW = 5  # a case was too slow or, with --strict, was not judged
    NOT_SAVED = 6  # a result was computed but could not be written
    INTERRUPTED = 130  # 128 + SIGINT
    TERMINATED = 143  # 128 + SIGTERM


def worst_code(codes: Iterable[ExitCode]) -> ExitCode:
    """Return WRONG_NUMBERS if it is among the codes, else UNFIT if it is, else OK."""
    found = set(codes)
    order = (ExitCode.WRONG_NUMBERS, ExitCode.UNFIT)
    return next((code for code in order if code in found), ExitCode.OK)


class WorkloadError(Exception):
    """An expected failure. Its text is one line that says what failed, why, and what to do.

    Raise one of the subclasses; each has an exit code.
    """

    exit_code: ExitCode


class BadInputError(WorkloadError):
    """The request is malformed or contradicts itself."""

    exit_code = ExitCode.BAD_INPUT


class WrongNumbersError(WorkloadError):
    """A result is wrong or not finite; no speed may be reported for it."""

    exit_code = ExitCode.WRONG_NUMBERS


class UnfitError(WorkloadError):
    """The machine, the driver or the container cannot do what was requested."""

    exit_code = ExitCode.UNFIT


class OutOfMemoryError(UnfitError):
    """Memory ran out, on the device or the host."""

    def __init__(self, reason: str) -> None:
        """Build the message from the allocator's one-line `reason`."""
        self.what = f"out of memory: {reason}"
        super().__init__(f"{self.what}: choose smaller sizes")


XID = "see the kernel's log for its Xid, then reset the GPU or restart its host"


class LostDeviceError(UnfitError):
    """The device failed while in use and no longer responds."""

    def __init__(self, device: str, reason: str, fix: str = XID) -> None:
        """Build the message from the driver's one-line `reason`."""
        self.what = f"{device} was lost ({reason})"
        super().__init__(f"{self.what}: {' '.join(fix.split())}")


class NotSavedError(WorkloadError):
    """A result could not be written."""

    exit_code = ExitCode.NOT_SAVED


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's text; its type's name if there is no text."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
