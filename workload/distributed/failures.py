"""Report the failure of a rank to its launcher, and find the failure that caused the others.

Each rank writes a file in the format of torch.distributed.elastic.multiprocessing.errors, so that
torchrun shows the rank's error line too.
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
# Set by `launch`, which prints the error line of the rank that failed first. Ranks print none.
LAUNCHED = "WORKLOAD_LAUNCHED"


class LostRankError(UnfitError):
    """Another rank ended or does not answer.

    This error is a consequence of another failure, unless the node of that rank is lost.
    """


class RankError(WorkloadError):
    """A rank failed. The error has that rank's exit code."""

    def __init__(self, line: str, code: ExitCode) -> None:
        """Set the line, which names the rank, and the exit code."""
        super().__init__(line)
        self.exit_code = code


class FollowedError(RankError):
    """Rank 0 failed and has printed why; this rank ends with the same code and prints nothing."""


@dataclass(frozen=True)
class Failure:
    """The failure of one rank: its exit code, negative for a signal, and its error line, if any."""

    rank: int
    exit_code: int
    line: str | None = None
    lost_another: bool = False
    stopped: bool = False  # by the launcher, after another rank failed
    hung: bool = False  # the launcher had to kill it

    @property
    def order(self) -> tuple[bool, bool, bool, int]:
        """Return a sort key that puts causes before consequences; stopped ranks come last.

        A hung rank comes after failed ranks, because it may have waited for one of them, and before
        ranks that lost another rank, because they may have lost the hung rank.
        """
        consequence = self.stopped and not self.hung and ending_signal(self.exit_code) is not None
        return consequence, self.lost_another, self.hung, self.rank

    def error(self) -> RankError:
        """Return the error that the launcher raises for this failure."""
        name = ending_signal(self.exit_code)
        if self.hung or name:
            hung = "hung (it did not end after SIGTERM and was killed)"
            how = hung if self.hung else f"was ended by {name}"
            line = f"rank {self.rank} {how}: see its output and the kernel's log"
            return RankError(line, ExitCode.UNFIT)
        ended = f"rank {self.rank} ended with exit code {self.exit_code}: see its output"
        line = with_rank(self.rank, self.line) if self.line else ended
        known = self.exit_code in set(ExitCode)  # otherwise not an exit code of this program
        return RankError(line, ExitCode(self.exit_code) if known else ExitCode.UNFIT)


def with_rank(rank: int, line: str) -> str:
    """Prefix a line with the name of its rank, unless it already begins with "rank" or "ranks"."""
    return line if re.match(r"(all )?ranks?\b", line) else f"rank {rank}: {line}"


def first_cause(failures: list[Failure]) -> Failure:
    """Return the failure that caused the others."""
    return min(failures, key=lambda failure: failure.order)


def report_failure(environment: Mapping[str, str], line: str, lost_another: bool) -> None:
    """Write the line to the file that the launcher reads, if there is a launcher."""
    if ERROR_FILE not in environment:
        return
    extra = {"timestamp": str(int(time.time())), "lost_another": lost_another}
    document = {"message": {"message": line, "extraInfo": extra}}
    with suppress(OSError):  # the exit code still shows the failure
        write_atomically(Path(environment[ERROR_FILE]), json.dumps(document).encode())


def read_failure(
    rank: int, exit_code: int, message: object, stopped: bool = False, hung: bool = False
) -> Failure:
    """Return the failure of a rank; `message` is from its error file, if it wrote one."""
    found = message if isinstance(message, dict) else {}
    return Failure(
        rank,
        exit_code,
        found.get("message"),
        lost_another=bool(found.get("extraInfo", {}).get("lost_another")),
        stopped=stopped,
        hung=hung,
    )
