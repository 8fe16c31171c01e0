"""The supervisor of small real processes: how each ended, and that the others go on."""

import os
import sys
import time
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


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", PROGRAM))


def run(tmp_path: Path, *does: str, limit_sec: float = LIMIT_SEC) -> list[Rank]:
    """Run a rank for each of `does`, what it does before the start and, after #, behind it."""
    slots = cpu_slots(len(does), given_cpus(), len(given_cpus()))
    ranks = Supervisor(does, slots, limit_sec, LIMIT_SEC, tmp_path)
    try:
        return ranks.run()
    finally:
        ranks.remove()


def test_ranks_that_end_are_complete_and_had_their_share_of_the_cpus(tmp_path: Path) -> None:
    ranks = run(tmp_path, "#", "#")
    assert [(rank.ended, rank.exit_code) for rank in ranks] == [("complete", ExitCode.OK)] * 2
    names = [rank.verify[0].name if rank.verify else "" for rank in ranks]
    assert names == [f"cpus {list(rank.cpus)}" for rank in ranks]
    assert not list(tmp_path.iterdir())


def test_a_rank_that_dies_at_its_start_does_not_hold_the_others(tmp_path: Path) -> None:
    dead, other = run(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)#", "#")
    assert (dead.ended, dead.reason, dead.doing) == ("died", "ended by SIGSEGV", "verify")
    assert dead.code is ExitCode.UNFIT
    assert other.ended == "complete"


def test_a_rank_that_exits_without_its_record_is_named_by_its_last_line(tmp_path: Path) -> None:
    dead, _ = run(tmp_path, "#sys.exit('workload run: no space: free some')", "#")
    assert dead.ended == "died"
    assert dead.reason == "ended with code 1 after: workload run: no space: free some"
    assert dead.errors == ("no space: free some",)
    assert dead.doing == "verify, after " + (dead.verify or ())[0].name + " float32"


def test_a_rank_that_a_signal_ended_is_named_and_keeps_its_results(tmp_path: Path) -> None:
    end = "journal.keep('ended', builder.as_ended(ExitCode.TERMINATED, 'a signal')); sys.exit(143)"
    ended, other = run(tmp_path, f"#{end}", "#")
    assert (ended.ended, ended.reason) == ("died", "ended by SIGTERM")
    assert ended.code is ExitCode.UNFIT
    assert len(ended.verify or ()) == 1
    assert other.ended == "complete"


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


def test_what_a_dead_rank_started_ends_too(tmp_path: Path) -> None:
    at = tmp_path / "pid"
    spawn = (
        "import subprocess; left = subprocess.Popen(['sleep', '600']); "
        f"open({str(at)!r}, 'w').write(str(left.pid)); os._exit(1)"
    )
    run(tmp_path, f"#{spawn}", "#")
    pid, end = int(at.read_text()), time.monotonic() + LIMIT_SEC
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_text():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_starting_ranks_leaves_the_supervisors_own_cpus(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    run(tmp_path, "#", "#")
    assert os.sched_getaffinity(0) == before


def test_a_gpu_without_a_uuid_is_lost_and_gets_no_process(tmp_path: Path) -> None:
    lost = Gpu(6, None, None, None, None, None, None, "GPU is lost", 15)
    slots = [Slot(0, "cpu", (0,)), Slot(1, "cuda:0", (0,), lost)]
    one, other = Supervisor(("#", "#"), slots, LIMIT_SEC, LIMIT_SEC, tmp_path).run()
    assert one.ended == "complete"
    assert (other.ended, other.title) == ("lost", "GPU 6")
    assert other.reason == "the driver does not reach it (GPU is lost)"
    assert other.errors == ()
