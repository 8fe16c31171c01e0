"""Read files of unknown type and size, and write files atomically."""

import contextlib
import errno
import json
import math
import os
import secrets
import stat
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from workload.core.errors import BadInputError, first_line

MAX_DIGITS = 29  # 2·(2**31)³, the FLOPs of the largest matmul, has 29

# Temporary files that are being written. The thread that ends the process removes them first.
_unfinished: set[Path] = set()


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Read a regular file. Raises OSError for anything else, or if it is larger than `max_bytes`.

    Reading a FIFO or a device might never end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise OSError("Is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if status.st_size > max_bytes:
            raise OSError(f"larger than the maximum of {max_bytes} bytes")
        return file.read(status.st_size)


def read_text(path: Path) -> str:
    """Read a small text file of the system; return an empty string if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@cache
def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file of this package."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def read_json(path: Path, max_bytes: int, wanted: str) -> Any:
    """Read the JSON document at `path`, whose numbers must all be finite.

    Raises BadInputError for any other file; `wanted` describes the file to choose instead.
    """
    try:
        return parse_json(read_regular(path, max_bytes).decode())
    except OSError as error:
        reason = error.strerror or error
        raise BadInputError(f"{path} cannot be read: {reason}; check the path") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is not JSON ({first_line(error)}): choose {wanted}") from error


def parse_json(text: str) -> Any:
    """Parse JSON whose numbers are all finite. Raises ValueError, or RecursionError if too deep."""
    return json.loads(text, parse_constant=_refuse, parse_int=_parse_int, parse_float=_parse_float)


def require_replaceable(
    path: Path, max_bytes: int, is_earlier: Callable[[bytes], bool], option: str, kind: str
) -> None:
    """Raise BadInputError if `path` exists but was not written by an earlier run of the command.

    `is_earlier` decides this from the file's content. `option` is the command-line option
    that sets the path; `kind` names what the command writes.
    """
    try:
        if not path.exists():
            return
        earlier = is_earlier(read_regular(path, max_bytes))
    except PermissionError:  # writing will report it
        return
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadInputError(f"the path of {option} is too long: choose another") from error
        earlier = False  # a folder, a device, or larger than any file of this kind
    if not earlier:
        raise BadInputError(
            f"{option} {path} exists and is not a {kind} of this command, so it is not replaced: "
            "choose another file"
        )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits; at most {MAX_DIGITS} are supported")
    return int(digits)


def _parse_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:MAX_DIGITS]} is too large for a 64-bit float")
    return number


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace `path` atomically: readers see the old file or `data`, even after a crash.

    A symbolic link stays; its target is replaced. The temporary file is in the same directory,
    because a rename is atomic only within one file system. The file is synced before the rename.
    `mode` is the file's mode before the umask is applied. If writing fails, OSError is raised and
    the temporary file is removed.
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
    """Remove the temporary files of other threads before the process exits."""
    for temporary in tuple(_unfinished):
        with contextlib.suppress(OSError):
            temporary.unlink()


def _sync_directory(directory: Path) -> None:
    """Sync the directory, if it is readable, so that the new name survives a power failure."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
