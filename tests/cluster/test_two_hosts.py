"""The program on two hosts: a record of both, and how it ends when they are cut apart."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.cluster.hosts import JOB_USER, Host, Started
from support.processes import wait_until

TRAIN = "workload train --ranks 1 --nodes 2 --device cpu --rendezvous".split()
ENVIRONMENT = {"GLOO_SOCKET_IFNAME": "link0", "OMP_NUM_THREADS": "1"}
LOST_SEC = 60


@pytest.fixture
def start(hosts: Sequence[Host], folder: Path) -> Callable[..., list[Started]]:
    """Starts a training of one rank on each host, which writes to a folder named after the host."""

    def start(meets_at: int, *options: str) -> list[Started]:
        started = []
        for host in hosts:
            results = folder / host.name
            results.mkdir()
            results.chmod(0o777)  # the ranks are another user's
            words = (*TRAIN, f"{hosts[meets_at].name}:29500", *options, "--output", str(results))
            started.append(host.start(*words, user=JOB_USER, changes=ENVIRONMENT))
        return started

    return start


def test_two_hosts_leave_one_record(start: Callable[..., list[Started]], folder: Path) -> None:
    ended = [one.wait(200) for one in start(0, "--steps", "100")]
    assert [(one.code, one.stderr) for one in ended] == [(0, ""), (0, "")]
    (path,) = folder.glob("node-*/train-*.json")
    (train,) = json.loads(path.read_text())["train"]
    assert train["ranks"] == 2
    assert len(train["losses"]) == 100


def wait_until_they_train(started: list[Started]) -> None:
    """Either may have rank 0, which prints."""
    wait_until(started[0].process, lambda: any("Loss" in one.stdout for one in started))


@pytest.mark.parametrize("meets_at", [0, 1])
@pytest.mark.parametrize("cut", [Host.drop_packets, Host.take_link_down])
def test_every_process_ends_within_a_minute_of_a_cut(
    hosts: Sequence[Host],
    start: Callable[..., list[Started]],
    cut: Callable[[Host], None],
    meets_at: int,
) -> None:
    started = start(meets_at, "--steps", "1000000")
    wait_until_they_train(started)
    cut(hosts[1])
    deadline = time.monotonic() + LOST_SEC
    for host, one in zip(hosts, started, strict=True):
        ended = one.wait(deadline - time.monotonic())
        assert ended.code == 4
        (line,) = ended.stderr.splitlines()
        assert line.startswith("workload train: ")
        assert "lost" in line
        assert host.processes() == []
