"""Check whether a folder is writable and whether its files outlast the container."""

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from workload.core.errors import FIX_OF_LIMIT, NotSavedError
from workload.core.files import read_text

RECORD_BYTES = 1 << 20  # the size of a long run's record
# Kinds of containers that are often removed when their command ends.
SHORT_LIVED = ("docker", "podman", "kubernetes")
# File systems of the container itself; a volume has a different one.
OWN_FILE_SYSTEMS = (
    "overlay",
    "fuse.fuse-overlayfs",
    "tmpfs",
)
# What to do for each errno; `otherwise` is the advice to choose another folder.
_FIXES = FIX_OF_LIMIT | {
    errno.EPERM: "an attribute (lsattr -d) or a security policy forbids it: {otherwise}",
    errno.EROFS: "mount it writable, or {otherwise}",
    errno.ENOTDIR: "{otherwise}",
    errno.ENOENT: "{otherwise}",
}


def write_error(folder: Path) -> OSError | None:
    """Return why no file can be written to `folder`; None if a test file was written.

    One byte is written, because permission bits prove nothing for root, on a read-only mount or on
    NFS. Then the file is extended to the size of a record, without allocating disk space, because a
    limit on file sizes may forbid files of that size.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.truncate(RECORD_BYTES)
    except OSError as error:
        return error
    return None


def require_writable(folder: Path, option: str) -> None:
    """Raise NotSavedError if no file can be written to `folder`, which need not exist yet.

    `option` is the command-line option that sets the folder.
    """
    try:
        error = write_error(existing_part(folder))
    except OSError as missing:
        error = missing
    if error is not None:
        raise NotSavedError(
            f"nothing can be written to {folder}: {error.strerror or error}; "
            f"{fix_of(error, folder, option)}"
        ) from error


def existing_part(folder: Path) -> Path:
    """Return `folder` if it exists, else its nearest existing parent.

    Raises OSError if a part of the path is a file or a broken link.
    """
    for place in (folder, *folder.absolute().parents):
        if os.path.isdir(place):
            return place
        if place.is_symlink() and not place.exists():
            raise FileNotFoundError(
                errno.ENOENT, f"{place} is a link to {place.readlink()}, which does not exist"
            )
        if os.path.lexists(place):
            raise NotADirectoryError(errno.ENOTDIR, f"{place} is not a folder")
    return Path("/")


def fix_of(error: OSError, folder: Path, option: str) -> str:
    """Return what to do if a file could not be written to `folder` because of `error`."""
    otherwise = f"choose a writable directory with {option}"
    if error.errno == errno.EACCES:
        return f"{_fix_of_owner(folder)}, or {otherwise}"
    fix = _FIXES.get(error.errno or 0, "free space or {otherwise}")
    return fix.format(otherwise=otherwise)


def _fix_of_owner(folder: Path) -> str:
    try:
        place = existing_part(folder)
        owner, user = place.stat().st_uid, os.geteuid()
    except OSError:
        return "change its owner"
    if owner == user:
        return f"this user owns it: chmod u+rwx {place}"
    return (
        f"it belongs to uid {owner}, but this process has uid {user}: chown -R {user} {place}, "
        f"or --user {owner} in Docker"
    )


def container_kind(root: Path, environment: Mapping[str, str]) -> str | None:
    """Return the kind of container that this process runs in; None outside a container."""
    if "KUBERNETES_SERVICE_HOST" in environment:
        return "kubernetes"
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    return environment.get("container") or None  # set by systemd-nspawn, LXC and others


def ends_with_container(folder: Path, root: Path = Path("/")) -> bool:
    """Return whether files in `folder` are lost when this container is removed.

    They are lost if the folder is in the container's writable layer or a tmpfs, not on a volume.
    """
    if container_kind(root, os.environ) not in SHORT_LIVED:
        return False
    try:
        return _file_system(existing_part(folder).stat().st_dev, root) in OWN_FILE_SYSTEMS
    except OSError:
        return False


def _file_system(device: int, root: Path) -> str | None:
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in read_text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2:3] == [number]:
            return after.split()[0]
    return None
