"""Facts about the folders that PyTorch and this package write to."""

import os
from collections.abc import Mapping
from pathlib import Path

from workload.core.models.machine import Folder
from workload.core.places import write_error

CACHE_VARIABLES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "XDG_CACHE_HOME")


def read_folders(environment: Mapping[str, str]) -> tuple[Folder, ...]:
    """Return the temporary folder, HOME, the caches that are set, and the folder of records."""
    places = {
        "TMPDIR": environment.get("TMPDIR") or "/tmp",  # noqa: S108  the default
        "HOME": environment.get("HOME"),
        "results": "results",
        **{name: environment.get(name) for name in CACHE_VARIABLES},
    }
    return tuple(read_folder(purpose, Path(path)) for purpose, path in places.items() if path)


def read_folder(purpose: str, path: Path) -> Folder:
    """Return the facts about a folder. Writes a byte: permission bits prove nothing for root."""
    places = (path, *path.absolute().parents)
    folder = next(place for place in places if os.path.isdir(place))  # never raises
    try:
        status = os.statvfs(folder)
    except OSError:
        return Folder(purpose, str(path), write_problem(str(folder)), None, None)
    return Folder(
        purpose=purpose,
        path=str(path),
        problem=write_problem(str(folder)),
        executable=not status.f_flag & os.ST_NOEXEC,
        free_bytes=status.f_bavail * status.f_frsize if status.f_blocks else None,
    )


def write_problem(folder: str) -> str | None:
    """Return why no file can be written into `folder`, None if one was."""
    error = write_error(Path(folder))
    return None if error is None else error.strerror or str(error)
