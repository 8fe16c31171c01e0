"""Whether this machine has the memory for a number of ranks."""

from workload.core.errors import UnfitError
from workload.core.units import format_bytes, plural
from workload.hardware.cgroups import read_limits

PROCESS_BYTES = 300_000_000  # of memory that PyTorch and small tensors take


def require_memory(ranks: int) -> None:
    """Raise UnfitError if less is available than the processes of this many ranks take."""
    available = read_limits().available_bytes
    needed = ranks * PROCESS_BYTES
    if available is not None and available < needed:
        raise UnfitError(
            f"{plural(ranks, 'rank')} need {format_bytes(needed)} of memory, "
            f"{format_bytes(available)} is available: choose fewer --ranks"
        )
