"""A signal ends all ranks at once, and what they measured is kept."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.processes import is_running, wait_until
from support.ranks.processes import ranks_of

RUN = "run --device cpu --ranks 2 --budget 600 --json".split()
GONE_SEC = 20


def journals(folder: Path) -> list[Path]:
    return sorted(folder.glob(".ranks-*/rank-*.jsonl"))


def verified(journal: Path) -> bool:
    return '{"verify": ' in journal.read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_all_ranks_and_keeps_their_results(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "workload", *RUN, "--output", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(
            process,
            lambda: len(journals(tmp_path)) == 2 and all(map(verified, journals(tmp_path))),
        )
        children = ranks_of(process.pid)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=GONE_SEC)
    assert process.returncode == code
    assert "Traceback" not in stderr
    record = json.loads(stdout)
    assert (record["status"], record["action"]) == ("interrupted", None)
    assert [rank["ended"] for rank in record["ranks"]] == ["interrupted"] * 2
    assert all(rank["verify"] for rank in record["ranks"])
    (saved,) = tmp_path.iterdir()
    assert json.loads(saved.read_text()) == record
    assert len(children) == 2
    until_gone(lambda: not any(map(is_running, children)))


def test_ranks_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workload", *RUN, "--output", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(
            process,
            lambda: len(journals(tmp_path)) == 2 and all(map(verified, journals(tmp_path))),
        )
        children = ranks_of(process.pid)
        process.kill()
    assert len(children) == 2
    until_gone(lambda: not any(map(is_running, children)))
    assert all(map(verified, journals(tmp_path)))


def until_gone(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + GONE_SEC
    while not reached():
        assert time.monotonic() < end, f"still there after {GONE_SEC} s"
        time.sleep(0.05)
