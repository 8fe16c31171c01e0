"""The program on two hosts: a record of both, and how it ends when they are cut apart."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.cluster.hosts import JOB_USER, Host, Started
from support.processes import wait_until

OWN = "workload train --device cpu --ranks 1 --nodes 2 --rendezvous {host}:29500"
TORCHRUN = (
    "torchrun --nnodes 2 --rdzv-backend c10d --rdzv-endpoint {host}:29500"
    " --no-python workload train --device cpu"
)
ENVIRONMENT = {"GLOO_SOCKET_IFNAME": "link0", "OMP_NUM_THREADS": "1"}
START_SEC = 240  # PyTorch is imported four times on a machine that may be busy
LOST_SEC = 120  # a minute on a quiet machine; without limits it would be fifteen


@pytest.fixture
def start(hosts: Sequence[Host], folder: Path) -> Callable[..., list[Started]]:
    """Start a training of one rank on each host, which writes to a folder named after the host."""

    def start(command: str, *options: str) -> list[Started]:
        started = []
        for host in hosts:
            results = folder / host.name
            results.mkdir()
            results.chmod(0o777)  # the ranks are another user's
            words = (*command.split(), *options, "--output", str(results))
            started.append(host.start(*words, user=JOB_USER, changes=ENVIRONMENT))
        return started

    return start


@pytest.mark.parametrize("command", [OWN, TORCHRUN], ids=["own", "torchrun"])
def test_two_hosts_leave_one_record(
    start: Callable[..., list[Started]], folder: Path, command: str
) -> None:
    ended = [one.wait(200) for one in start(command.format(host="node-0"), "--steps", "100")]
    assert [one.code for one in ended] == [0, 0]
    for one in ended:  # torchrun may warn that the other host's launcher ended first
        assert "workload train:" not in one.stderr
        assert "Traceback" not in one.stderr
    (path,) = folder.glob("node-*/train-*.json")
    (train,) = json.loads(path.read_text())["train"]
    assert train["ranks"] == 2
    assert len(train["losses"]) == 100


def wait_until_they_train(started: list[Started]) -> None:
    """Either may have rank 0, which prints."""
    wait_until(started[0].process, lambda: any("Loss" in one.stdout for one in started), START_SEC)


@pytest.mark.timeout(START_SEC + LOST_SEC + 60)
@pytest.mark.parametrize("meets_at", [0, 1])
@pytest.mark.parametrize("cut", [Host.drop_packets, Host.take_link_down])
def test_every_process_ends_with_one_line_after_a_cut(
    hosts: Sequence[Host],
    start: Callable[..., list[Started]],
    cut: Callable[[Host], None],
    meets_at: int,
) -> None:
    started = start(OWN.format(host=f"node-{meets_at}"), "--steps", "1000000")
    wait_until_they_train(started)
    cut(hosts[1])
    for line in lines_at_the_end(hosts, started):
        assert "lost" in line


@pytest.mark.timeout(LOST_SEC + 60)
def test_every_process_ends_with_one_line_where_the_hosts_do_not_meet(
    hosts: Sequence[Host], start: Callable[..., list[Started]]
) -> None:
    hosts[1].drop_packets()
    first, second = lines_at_the_end(hosts, start(OWN.format(host="node-0")))
    where = (
        "workload train: the 2 nodes could not connect through node-0:29500, or the connection "
        "was lost "
    )
    assert first.startswith(f"{where}(not all of them joined in time): start all nodes within 35 s")
    assert second.startswith(f"{where}(no connection within 35 s): start all nodes within 35 s (")


def lines_at_the_end(hosts: Sequence[Host], started: list[Started]) -> list[str]:
    """The one line with which each host's command ends; nothing is left running."""
    deadline = time.monotonic() + LOST_SEC
    lines = []
    for host, one in zip(hosts, started, strict=True):
        ended = one.wait(deadline - time.monotonic())
        assert ended.code == 4
        (line,) = ended.stderr.splitlines()
        assert line.startswith("workload train: ")
        assert host.processes() == []
        lines.append(line)
    return lines
