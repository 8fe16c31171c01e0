"""Ranks that torch.distributed's launcher starts here meet, and the first to fail is named."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.ranks import processes
from support.ranks.processes import ranks_of

START = Path(__file__).parents[1] / "support/ranks/planted/start.py"
LIMIT_SEC = 120


def start(*arguments: object) -> subprocess.Popen[str]:
    return processes.start(START, *arguments)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    return processes.outcome(process, LIMIT_SEC)


def has_torch(process: int) -> bool:
    return "libtorch" in Path(f"/proc/{process}/maps").read_text()


def test_two_jobs_at_once_do_not_meet() -> None:
    jobs = [start(2, 0, "none"), start(3, 0, "none")]
    found = [ended(job) for job in jobs]
    assert [(code, errors) for code, _, errors in found] == [(0, "")] * 2
    sums, ports = zip(*(out.split(" at ") for _, out, _ in found), strict=True)
    assert sums == ("4", "9")
    assert len(set(ports)) == 2


@pytest.mark.parametrize(("how", "name"), [("kill", "SIGKILL"), ("terminate", "SIGTERM")])
def test_a_rank_that_a_signal_ends_is_named_in_one_line(how: str, name: str) -> None:
    assert ended(start(3, 0, how, 2)) == (
        4,
        "",
        f"rank 2 was ended by {name}: see its output and the kernel's log\n",
    )


def test_a_stopped_rank_is_named_and_killed_soon_after_the_others_lost_it() -> None:
    """They wait 5 s and it has 5 s to end; torch's agent alone would give it 30 s."""
    begin = time.monotonic()
    assert ended(start(2, 0, "hang", 1)) == (
        4,
        "",
        "rank 1 hung (it did not end after SIGTERM and was killed): see its output and the "
        "kernel's log\n",
    )
    assert time.monotonic() - begin < 5 + 30


def test_a_rank_that_fails_is_quoted_with_its_code() -> None:
    assert ended(start(2, 0, "fail", 1)) == (3, "", "rank 1: a planted fault\n")


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGHUP, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_signal_to_the_launcher_ends_the_job_in_one_line(
    number: signal.Signals, code: int, line: str, tmp_path: Path
) -> None:
    training = f"train --device cpu --ranks 2 --steps 1000000 --output {tmp_path}".split()
    job = processes.start("-m", "workload", *training)
    while [has_torch(child) for child in ranks_of(job.pid)] != [True, True]:
        assert job.poll() is None
        time.sleep(0.1)
    job.send_signal(number)
    found, _, errors = ended(job)
    assert (found, errors) == (code, f"workload train: {line}\n")


def test_ctrl_c_while_the_ranks_start_python_ends_the_job_in_one_line(tmp_path: Path) -> None:
    """Python itself would show it as an error of its own, where it runs site.py."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, time\n"
        "if 'LOCAL_RANK' in os.environ:\n"
        f"    open({str(tmp_path)!r} + '/rank-' + os.environ['RANK'], 'w').close()\n"
        "    time.sleep(2)\n"
    )
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    job = processes.start(
        *f"-m workload train --device cpu --ranks 2 --output {tmp_path}".split(), PYTHONPATH=path
    )
    while len(list(tmp_path.glob("rank-*"))) < 2:
        assert job.poll() is None
        time.sleep(0.1)
    job.send_signal(signal.SIGINT)
    assert ended(job) == (130, "", "workload train: interrupted\n")


def test_ranks_meet_again_after_a_restart() -> None:
    """By the addresses of this attempt, though torchrun's agent keeps those of the first."""
    code, out, errors = ended(start(2, 1, "kill", 0))
    assert (code, errors) == (0, "")
    assert out.startswith("4 at ")
