"""The supervisor of small real processes: how each ended, and that the others go on."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from workload.core.errors import ExitCode
from workload.core.models.gpu import Gpu
from workload.core.models.rank import Rank
from workload.hardware.affinity import given_cpus
from workload.ranks import supervisor
from workload.ranks.slots import Slot, cpu_slots
from workload.ranks.supervisor import Supervisor

# A rank with two results. What it does in between is an argument, by rank.
PROGRAM = """
import os, signal, sys, time
from workload.core.errors import ExitCode
from workload.core.journal import Journal
from workload.core.models.verify import VerifyResult
from workload.core.records import RecordBuilder
from workload.ranks.member import this_member

member = this_member()
builder, journal = RecordBuilder("run", sys.argv), Journal(member.journal)
builder.follow(journal.keep)
builder.set("findings", [])
exec(sys.argv[1 + member.rank])
member.wait_for_others()
check = VerifyResult("cpus " + repr(sorted(os.sched_getaffinity(0))), "float32", 0.0, 1.0, "error")
builder.set("verify", [check])
exec(sys.argv[1 + member.rank].partition("#")[2])
journal.keep("ended", builder.as_ended(ExitCode.OK, None))
"""
LIMIT_SEC = 30.0  # a rank imports torch
BRIEF_SEC = 4.0


@pytest.fixture(scope="module", autouse=True)
def _program() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "COMMAND", (sys.executable, "-c", PROGRAM))
        yield


def run(
    folder: Path, *does: str, limit_sec: float = LIMIT_SEC, slots: Sequence[Slot] = ()
) -> list[Rank]:
    """Run a rank for each of `does`, what it does before the start and, after #, behind it."""
    slots = slots or cpu_slots(len(does), given_cpus(), len(given_cpus()))
    ranks = Supervisor(does, slots, limit_sec, LIMIT_SEC, folder)
    try:
        return ranks.run()
    finally:
        ranks.remove()


@dataclass(frozen=True)
class Ended:
    """How ranks of one run ended, each in its way."""

    at_start: Rank
    by_exit: Rank
    by_signal: Rank
    leaving: Rank  # a process that it started
    left_pid: int
    fine: Rank


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Run them on the same CPUs, so that there may be more of them than CPUs."""
    folder, pid = tmp_path_factory.mktemp("ranks"), tmp_path_factory.mktemp("left") / "pid"
    does = (
        "os.kill(os.getpid(), signal.SIGSEGV)#",
        "#sys.exit('workload run: no space: free some')",
        "#journal.keep('ended', builder.as_ended(ExitCode.TERMINATED, 'a signal')); sys.exit(143)",
        "#import subprocess; left = subprocess.Popen(['sleep', '600']); "
        f"open({str(pid)!r}, 'w').write(str(left.pid)); os._exit(1)",
        "#",
    )
    cpus = tuple(sorted(given_cpus()))
    slots = [Slot(rank, "cpu", cpus) for rank in range(len(does))]
    at_start, by_exit, by_signal, leaving, fine = run(folder, *does, slots=slots)
    return Ended(at_start, by_exit, by_signal, leaving, int(pid.read_text()), fine)


def test_ranks_that_end_are_complete_and_had_their_share_of_the_cpus(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    ranks = run(tmp_path, "#", "#")
    assert os.sched_getaffinity(0) == before  # the supervisor's own
    assert [(rank.ended, rank.exit_code) for rank in ranks] == [("complete", ExitCode.OK)] * 2
    names = [rank.verify[0].name if rank.verify else "" for rank in ranks]
    assert names == [f"cpus {list(rank.cpus)}" for rank in ranks]
    assert not list(tmp_path.iterdir())


def test_a_rank_that_dies_at_its_start_does_not_hold_the_others(ended: Ended) -> None:
    dead = ended.at_start
    assert (dead.ended, dead.reason, dead.doing) == ("died", "ended by SIGSEGV", "verify")
    assert dead.code is ExitCode.UNFIT
    assert ended.fine.ended == "complete"


def test_a_rank_that_exits_without_its_record_is_named_by_its_last_line(ended: Ended) -> None:
    dead = ended.by_exit
    assert dead.ended == "died"
    assert dead.reason == 'ended with code 1 after printing "workload run: no space: free some"'
    assert dead.errors == ("no space: free some",)
    assert dead.doing == "verify, after " + (dead.verify or ())[0].name + " float32"


def test_a_rank_that_a_signal_ended_is_named_and_keeps_its_results(ended: Ended) -> None:
    dead = ended.by_signal
    assert (dead.ended, dead.reason) == ("died", "ended by SIGTERM")
    assert dead.code is ExitCode.UNFIT
    assert len(dead.verify or ()) == 1


def test_a_rank_that_makes_no_progress_is_ended(tmp_path: Path) -> None:
    hung, other = run(tmp_path, "#time.sleep(600)", "#", limit_sec=BRIEF_SEC)
    assert (hung.ended, hung.reason) == ("hung", "made no progress for 4 s")
    assert len(hung.verify or ()) == 1
    assert other.ended == "complete"


def test_a_rank_that_shows_results_may_take_longer_than_the_limit(tmp_path: Path) -> None:
    news = "for n in range(6): time.sleep(1); builder.set('verify', [check] * (n + 2))"
    (rank, _) = run(tmp_path, f"#{news}", "#", limit_sec=BRIEF_SEC)
    assert rank.ended == "complete"
    assert len(rank.verify or ()) == 7


def test_what_a_dead_rank_started_ends_too(ended: Ended) -> None:
    assert ended.leaving.ended == "died"
    end, left = time.monotonic() + LIMIT_SEC, Path(f"/proc/{ended.left_pid}/cmdline")
    while left.exists() and left.read_text():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_gpu_without_a_uuid_is_lost_and_gets_no_process(tmp_path: Path) -> None:
    lost = Gpu(6, None, None, None, None, None, None, "GPU is lost", 15)
    slots = [Slot(0, "cpu", (0,)), Slot(1, "cuda:0", (0,), lost)]
    one, other = Supervisor(("#", "#"), slots, LIMIT_SEC, LIMIT_SEC, tmp_path).run()
    assert one.ended == "complete"
    assert (other.ended, other.title) == ("lost", "GPU 6")
    assert other.reason == "the driver does not reach it (GPU is lost)"
    assert other.errors == ()
