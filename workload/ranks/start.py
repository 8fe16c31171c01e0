"""The common start of all ranks: each arrives, then all continue together.

A key in torch's TCPStore for each, on this machine's loopback address alone.
"""

import socket
import time
from datetime import timedelta

from workload.core.errors import UnfitError, first_line

HOST = "127.0.0.1"
GO = "go"
CONNECT_SEC = 60.0
LONGEST_SEC = 24 * 3600.0  # the supervisor ends those that wait for nothing


class StartingLine:
    """The supervisor's side."""

    def __init__(self) -> None:
        """Listen on a free port. Raises UnfitError."""
        from torch.distributed import TCPStore  # noqa: PLC0415  takes seconds

        try:
            listener = socket.create_server((HOST, 0))  # the store alone would listen everywhere
            self.port: int = listener.getsockname()[1]
            self._store = TCPStore(
                HOST,
                self.port,
                is_master=True,
                wait_for_workers=False,
                master_listen_fd=listener.detach(),
            )
        except (OSError, RuntimeError) as error:
            raise UnfitError(
                f"ranks cannot start together ({first_line(error)}): this machine needs its "
                f"loopback address {HOST}"
            ) from error

    def arrived(self, rank: int) -> bool:
        """Return whether a rank waits for the others."""
        return bool(self._store.check([str(rank)]))

    def go(self) -> None:
        """Let all continue, also those that come later."""
        self._store.set(GO, "")


def wait_for_others(port: int, rank: int) -> float:
    """Arrive, and wait until all continue; return how many seconds that took. Raises UnfitError."""
    from torch.distributed import TCPStore  # noqa: PLC0415  takes seconds

    started = time.monotonic()
    try:
        limit = timedelta(seconds=CONNECT_SEC)
        store = TCPStore(HOST, port, is_master=False, wait_for_workers=False, timeout=limit)
        store.set(str(rank), "")
        store.wait([GO], timedelta(seconds=LONGEST_SEC))
    except RuntimeError as error:
        raise UnfitError(
            f"rank {rank} cannot wait for the others ({first_line(error)}): run again"
        ) from error
    return time.monotonic() - started
