"""Reads files that may be anything, and writes files whole or not at all."""

import contextlib
import errno
import json
import math
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workload.core.errors import BadInputError, first_line

MAX_DIGITS = 29  # 2·(2**31)³, the FLOPs of the largest product, has 29

# What is being written and not yet in its place; a signal ends the process from another thread.
_unfinished: set[Path] = set()


def read_regular(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file. Raises OSError for anything else, or if it is larger.

    A FIFO or a device would make a plain read wait or run for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise OSError("Is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if status.st_size > max_bytes:
            raise OSError(f"larger than the {max_bytes} bytes it may have")
        return file.read(status.st_size)


def read_json(path: Path, max_bytes: int, wanted: str) -> Any:
    """The JSON document at `path`, every number finite.

    Raises BadInputError in one line, whatever the file is; `wanted` is what should be named
    in its place.
    """
    try:
        text = read_regular(path, max_bytes).decode()
        return json.loads(
            text, parse_constant=_refuse, parse_int=_parse_int, parse_float=_parse_float
        )
    except OSError as error:
        reason = error.strerror or error
        raise BadInputError(f"{path} cannot be read: {reason}; check the path") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is not JSON ({first_line(error)}): name {wanted}") from error


def require_replaceable(
    path: Path, max_bytes: int, is_earlier: Callable[[bytes], bool], option: str, kind: str
) -> None:
    """Raises BadInputError for what is there and `is_earlier` does not know: a record, a device.

    `option` names the path on the command line, `kind` what this command writes.
    """
    try:
        if not path.exists():
            return
        earlier = is_earlier(read_regular(path, max_bytes))
    except PermissionError:  # writing will tell
        return
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadInputError(f"{option} is no file's name: {error.strerror}") from error
        earlier = False  # a folder, a device, larger than any of this kind
    if not earlier:
        raise BadInputError(
            f"{option} {path} is there and no {kind} of this command, so it stays: "
            "name another file"
        )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _parse_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:MAX_DIGITS]} is beyond the largest number")
    return number


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace `path` by `data`: a reader or a crash sees the old file or the new, never half.

    A symbolic link stays, what it points to is replaced. The temporary file lies in the same
    directory, because a rename is atomic only within one file system, and is synced before
    it is renamed. `mode` is the file's, less the umask. Raises OSError, and then leaves nothing
    behind.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".workload-{secrets.token_hex(8)}.tmp"
    _unfinished.add(temporary)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        _unfinished.discard(temporary)
    _sync_directory(target.parent)


def remove_unfinished() -> None:
    """Remove what other threads are still writing, before the process leaves without them."""
    for temporary in tuple(_unfinished):
        with contextlib.suppress(OSError):
            temporary.unlink()


def _sync_directory(directory: Path) -> None:
    """So that the new name survives a power cut, where the directory may be read."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
