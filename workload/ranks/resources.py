"""Check that the memory and the limit of open files are enough for the ranks."""

import errno
import resource

from workload.core.errors import FIX_OF_LIMIT, UnfitError
from workload.core.units import format_bytes, plural
from workload.hardware.cgroups import read_limits

PROCESS_BYTES = 300_000_000  # memory of a process with PyTorch and small tensors
# Open files that a process needs for itself, and for its connections to each rank. If the limit is
# lower, torch's store aborts the process or waits until it times out.
OWN_FILES, FILES_OF_RANK = 64, 2


def require_resources(ranks: int) -> None:
    """Raise UnfitError if this many ranks need more memory or open files than are available."""
    files = OWN_FILES + FILES_OF_RANK * ranks
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= allowed < files:
        raise UnfitError(
            f"{plural(ranks, 'rank')} need {files} open files, {allowed} are allowed: "
            f"{FIX_OF_LIMIT[errno.EMFILE]}"
        )
    available = read_limits().available_bytes
    needed = ranks * PROCESS_BYTES
    if available is not None and available < needed:
        raise UnfitError(
            f"{plural(ranks, 'rank')} need {format_bytes(needed)} of memory, "
            f"{format_bytes(available)} is available: choose fewer --ranks"
        )
