"""How the failure of a rank reaches its launcher: a file per rank, and which one is the cause.

The format is the one of torch.distributed.elastic.multiprocessing.errors, so that torchrun shows
the same line.
"""

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workload.core.errors import ExitCode, UnfitError, WorkloadError
from workload.core.files import write_atomically
from workload.hardware.child import ending_signal

ERROR_FILE = "TORCHELASTIC_ERROR_FILE"
# Set by `launch`: the launcher prints the line of the rank that failed first, and no rank its own.
LAUNCHED = "WORKLOAD_LAUNCHED"


class LostRankError(UnfitError):
    """Another rank ended or does not answer: a consequence, unless its node is lost."""


class RankError(WorkloadError):
    """A rank failed; it has that rank's exit code."""

    def __init__(self, line: str, code: ExitCode) -> None:
        """Take the line that names the rank."""
        super().__init__(line)
        self.exit_code = code


class FollowedError(RankError):
    """Rank 0 failed and has printed why; this rank ends with the same code and prints nothing."""


@dataclass(frozen=True)
class Failure:
    """How one rank ended: its exit code, negative for a signal, and its line, if it wrote one."""

    rank: int
    exit_code: int
    line: str | None = None
    lost_another: bool = False
    stopped: bool = False  # by the launcher, after another failed
    hung: bool = False  # the launcher had to kill it

    @property
    def order(self) -> tuple[bool, bool, bool, int]:
        """Return what sorts causes before consequences: those who were stopped come last.

        A rank that hung may have waited for one that failed; others lost it because it hung.
        """
        consequence = self.stopped and not self.hung and ending_signal(self.exit_code) is not None
        return consequence, self.lost_another, self.hung, self.rank

    def error(self) -> RankError:
        """Return the error that the launcher raises for it."""
        name = ending_signal(self.exit_code)
        if self.hung or name:
            hung = "hung: it did not end after SIGTERM and was killed"
            how = hung if self.hung else f"was ended by {name}"
            line = f"rank {self.rank} {how}: see its output and the kernel's log"
            return RankError(line, ExitCode.UNFIT)
        ended = f"rank {self.rank} ended with exit code {self.exit_code}: see its output"
        line = with_rank(self.rank, self.line) if self.line else ended
        known = self.exit_code in set(ExitCode)  # else it is not one of this program
        return RankError(line, ExitCode(self.exit_code) if known else ExitCode.UNFIT)


def with_rank(rank: int, line: str) -> str:
    """Begin a line of `rank` with its name, unless it names the rank that failed."""
    return line if re.match(r"(all )?ranks?\b", line) else f"rank {rank}: {line}"


def first_cause(failures: list[Failure]) -> Failure:
    """Return the failure that caused the others."""
    return min(failures, key=lambda failure: failure.order)


def report_failure(environment: Mapping[str, str], line: str, lost_another: bool) -> None:
    """Write the line where the launcher reads it, if there is one."""
    if ERROR_FILE not in environment:
        return
    extra = {"timestamp": str(int(time.time())), "lost_another": lost_another}
    document = {"message": {"message": line, "extraInfo": extra}}
    with suppress(OSError):  # the exit code is left
        write_atomically(Path(environment[ERROR_FILE]), json.dumps(document).encode())


def read_failure(
    rank: int, exit_code: int, message: object, stopped: bool = False, hung: bool = False
) -> Failure:
    """Return the failure of a rank from the `message` of its file, or from none."""
    found = message if isinstance(message, dict) else {}
    return Failure(
        rank,
        exit_code,
        found.get("message"),
        lost_another=bool(found.get("extraInfo", {}).get("lost_another")),
        stopped=stopped,
        hung=hung,
    )
