"""Run the processes of all ranks at the same time, and read the results of each.

A rank that makes no progress for too long is killed. If a rank dies or is killed, its results so
far are kept and the others continue.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workload.core.errors import NotSavedError
from workload.core.journal import Found, read_journal
from workload.core.models import rank as end
from workload.core.models.facts import Facts
from workload.core.models.rank import Rank
from workload.hardware.child import ending_signal
from workload.ranks.member import Member, StartingLine
from workload.ranks.process import RankProcess
from workload.ranks.results import make_rank
from workload.ranks.slots import Slot

Progress = Callable[[int, float], None]
COMMAND = (sys.executable, "-m", "workload")
LOOK_SEC = 0.1  # between two checks of all ranks


@dataclass
class _Running:
    """One rank: its process, and when it last wrote a result."""

    slot: Slot
    journal: Path
    process: RankProcess | None = None  # None: its GPU does not answer
    ended: str | None = None
    news_sec: float = 0.0
    size: int = 0
    arrived: bool = False


@dataclass
class Supervisor:
    """Ranks that run this program with the arguments `argv`, one for each slot.

    A rank that makes no progress for `limit_sec` is killed. Until all ranks have started, the limit
    is `start_sec`.
    """

    argv: Sequence[str]
    slots: Sequence[Slot]
    limit_sec: float
    start_sec: float
    above: Path | None = None  # parent of the journals' folder; None: the system's temporary folder
    _ranks: list[_Running] = field(default_factory=list)
    _folder: Path | None = None
    _started: bool = False
    _interrupted: bool = False

    def run(self, on_progress: Progress = lambda _running, _elapsed_sec: None) -> list[Rank]:
        """Run all ranks until they end. Raises NotSavedError and UnfitError.

        `on_progress` is called often, with the number of running ranks and the elapsed seconds.
        """
        starting_line = StartingLine()
        try:
            self._start(starting_line.port)
            started_sec = time.monotonic()
            while any(rank.ended is None for rank in self._ranks) or self._interrupted:
                if not self._interrupted:  # else the thread that handles signals ends this process
                    self._look(starting_line)
                running = sum(rank.ended is None for rank in self._ranks)
                on_progress(running, time.monotonic() - started_sec)
                time.sleep(LOOK_SEC)
            return self.found()
        finally:
            self._kill()
            for rank in self._ranks:
                if rank.process:
                    rank.process.leave()

    def found(self) -> list[Rank]:
        """Return what each rank found so far."""
        return [self._found(rank) for rank in self._ranks]

    def facts(self) -> Facts | None:
        """Return the facts of the first rank that has any."""
        records = (read_journal(rank.journal).record for rank in self._ranks)
        return next((one.environment for one in records if one and one.environment), None)

    def interrupt(self) -> None:
        """Kill all running ranks, and keep `run` from returning. Called from another thread."""
        self._interrupted = True
        self._kill()

    def remove(self) -> None:
        """Remove the journals."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _kill(self) -> None:
        for rank in self._ranks:
            if rank.process and rank.ended is None:
                rank.ended = end.INTERRUPTED
                rank.process.kill()

    def _start(self, port: int) -> None:
        try:
            if self.above:
                self.above.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=".ranks-", dir=self.above)).absolute()
            for slot in self.slots:
                self._ranks.append(self._started_at(slot, port, self._folder))
        except OSError as error:
            raise NotSavedError(
                f"ranks cannot be started: {error.strerror or error}; check TMPDIR and --output"
            ) from error

    def _started_at(self, slot: Slot, port: int, folder: Path) -> _Running:
        journal = folder / f"rank-{slot.rank}.jsonl"
        member = Member(slot.rank, len(self.slots), slot.device, port, journal)
        if slot.gpu and not slot.gpu.uuid:
            return _Running(slot, member.journal, ended=end.LOST)
        environment = {**os.environ, **slot.environment, **member.variable}
        stderr = member.journal.with_suffix(".log")
        process = RankProcess([*COMMAND, *self.argv], environment, slot.cpus, stderr)
        return _Running(slot, member.journal, process, news_sec=time.monotonic())

    def _look(self, starting_line: StartingLine) -> None:
        """Kill ranks that hang, note those that ended, and start all ranks once they are ready."""
        for rank in self._ranks:
            if rank.ended is None and rank.process:
                self._look_at(rank, rank.process, starting_line)
        alive = [rank for rank in self._ranks if rank.ended is None]
        if not self._started and all(rank.arrived for rank in alive):
            self._started = True
            starting_line.go()
            for rank in alive:
                rank.news_sec = time.monotonic()

    def _look_at(self, rank: _Running, process: RankProcess, starting_line: StartingLine) -> None:
        now_sec = time.monotonic()
        size = _size(rank.journal)
        if size != rank.size or (rank.arrived and not self._started):
            rank.size, rank.news_sec = size, now_sec
        if not self._started:
            rank.arrived = rank.arrived or starting_line.arrived(rank.slot.rank)
        limit_sec = self.limit_sec if self._started else self.start_sec
        if process.code is not None:
            if _ended_by_itself(read_journal(rank.journal), process.code):
                rank.ended = end.FAILED if process.code else end.COMPLETE
            else:
                rank.ended = end.DIED
                process.kill()  # kill the processes that the rank started
        elif now_sec - rank.news_sec > limit_sec:
            rank.ended = end.HUNG
            process.kill()

    def _found(self, rank: _Running) -> Rank:
        ended = rank.ended or end.INTERRUPTED
        lines = rank.process.lines if rank.process else []
        return make_rank(rank.slot, read_journal(rank.journal), ended, self._reason(rank), lines)

    def _reason(self, rank: _Running) -> str:
        """Return why a rank did not end by itself."""
        if rank.ended == end.LOST:
            reason = rank.slot.gpu.error if rank.slot.gpu else None
            return f"the driver does not reach it ({reason or 'no reason given'})"
        if rank.ended == end.HUNG:
            limit_sec = self.limit_sec if self._started else self.start_sec
            return f"made no progress for {limit_sec:g} s"
        if rank.ended == end.DIED and rank.process:
            return rank.process.how_it_died()
        return "ended by a signal"


def _ended_by_itself(found: Found, code: int) -> bool:
    """Return whether a process completed its journal and exited with the code recorded there.

    Return False if a signal ended the process.
    """
    whole = found.ended and code == (found.record and found.record.exit_code)
    return whole and ending_signal(code) is None


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
