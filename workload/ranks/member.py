"""One rank as its own process sees it: the supervisor tells it by an environment variable."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workload.ranks.start import wait_for_others

VARIABLE = "WORKLOAD_RANK"


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
        """Wait until all ranks start; return how many seconds that took."""
        return wait_for_others(self.port, self.rank)


def this_member(environment: Mapping[str, str] = os.environ) -> Member | None:
    """Return which rank this process is; None if it is not one of several."""
    match = re.fullmatch(r"(\d+) (\d+) (\S+) (\d+) (.+)", environment.get(VARIABLE, ""))
    if match is None:  # also where someone else means something else by it
        return None
    rank, count, device, port, journal = match.groups()
    return Member(int(rank), int(count), device, int(port), Path(journal))
