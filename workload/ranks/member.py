"""Identify the rank of this process, and start all ranks together.

The supervisor sets an environment variable that identifies the rank. To start together, each rank
sets a key in torch's TCPStore and waits until the supervisor sets another. The store listens on the
loopback address only.
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
LONGEST_SEC = 24 * 3600.0  # longer than any wait: the supervisor kills ranks that hang


@dataclass(frozen=True)
class Member:
    """One of `count` ranks: its number, its device, the port of the TCPStore, and its journal."""

    rank: int
    count: int
    device: str
    port: int
    journal: Path

    @property
    def variable(self) -> dict[str, str]:
        """The environment variable for the process of this rank."""
        return {VARIABLE: f"{self.rank} {self.count} {self.device} {self.port} {self.journal}"}

    def wait_for_others(self) -> float:
        """Wait until all ranks are ready, and return how many seconds that took.

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
    """Return the rank of this process; None if the supervisor did not start it."""
    match = re.fullmatch(r"(\d+) (\d+) (\S+) (\d+) (.+)", environment.get(VARIABLE, ""))
    if match is None:  # not set, or set by another program
        return None
    rank, count, device, port, journal = match.groups()
    return Member(int(rank), int(count), device, int(port), Path(journal))


class StartingLine:
    """The TCPStore with which the supervisor starts all ranks together."""

    def __init__(self) -> None:
        """Listen on a free port. Raises UnfitError."""
        from torch.distributed import TCPStore  # noqa: PLC0415  takes seconds

        try:
            # By default, the store listens on all addresses.
            listener = socket.create_server((HOST, 0))
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
        """Return whether a rank has started to wait for the others."""
        return bool(self._store.check([str(rank)]))

    def go(self) -> None:
        """Let all ranks continue, even those that arrive later."""
        self._store.set(GO, "")
