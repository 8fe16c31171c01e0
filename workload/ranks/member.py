"""One rank as its own process sees it, and the common start of all ranks.

The supervisor tells a rank by an environment variable which one it is. To start together, each
arrives, then all continue: a key in torch's TCPStore for each, on this machine's loopback address
alone.
"""

import os
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from workload.core.errors import UnfitError, first_line

VARIABLE = "WORKLOAD_RANK"
HOST = "127.0.0.1"
GO = "go"
CONNECT_SEC = 60.0
LONGEST_SEC = 24 * 3600.0  # the supervisor ends those that wait for nothing


@dataclass(frozen=True)
class Member:
    """Which rank of `count` this is, its device, the port of the start, where its results go."""

    rank: int
    count: int
    device: str
    port: int
    journal: Path

    @property
    def variable(self) -> dict[str, str]:
        """What to set for the process of this rank."""
        return {VARIABLE: f"{self.rank} {self.count} {self.device} {self.port} {self.journal}"}

    def wait_for_others(self) -> float:
        """Arrive, and wait until all continue; return how many seconds that took.

        Raises UnfitError.
        """
        from torch.distributed import TCPStore  # noqa: PLC0415  takes seconds

        started = time.monotonic()
        try:
            limit = timedelta(seconds=CONNECT_SEC)
            store = TCPStore(
                HOST, self.port, is_master=False, wait_for_workers=False, timeout=limit
            )
            store.set(str(self.rank), "")
            store.wait([GO], timedelta(seconds=LONGEST_SEC))
        except RuntimeError as error:
            raise UnfitError(
                f"rank {self.rank} cannot wait for the others ({first_line(error)}): run again"
            ) from error
        return time.monotonic() - started


def this_member(environment: Mapping[str, str] = os.environ) -> Member | None:
    """Return which rank this process is; None if it is not one of several."""
    match = re.fullmatch(r"(\d+) (\d+) (\S+) (\d+) (.+)", environment.get(VARIABLE, ""))
    if match is None:  # also where someone else means something else by it
        return None
    rank, count, device, port, journal = match.groups()
    return Member(int(rank), int(count), device, int(port), Path(journal))


class StartingLine:
    """Where the ranks wait for each other, on the side of their supervisor."""

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
                f"ranks cannot start together ({first_line(error)}): check that this machine "
                f"has the address {HOST}"
            ) from error

    def arrived(self, rank: int) -> bool:
        """Return whether a rank waits for the others."""
        return bool(self._store.check([str(rank)]))

    def go(self) -> None:
        """Let all continue, also those that come later."""
        self._store.set(GO, "")
