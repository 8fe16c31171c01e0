"""The two hosts that the other tests here run on."""

from collections.abc import Callable, Sequence

import pytest
from support.cluster.hosts import Host
from support.processes import wait_until

CONNECT = "import socket; socket.create_connection(('node-0', 7000), timeout=2)"
LISTEN = """
import socket

server = socket.create_server(("0.0.0.0", 7000))
print("ready", flush=True)
server.accept()
"""


@pytest.fixture
def listening(hosts: Sequence[Host]) -> Sequence[Host]:
    """The first host waits for a connection."""
    server = hosts[0].start("python3", "-c", LISTEN)
    wait_until(server.process, lambda: "ready" in server.stdout)
    return hosts


def reaches(host: Host) -> bool:
    return host.run("python3", "-c", CONNECT).code == 0


def test_the_hosts_have_names_of_their_own_and_one_link(hosts: Sequence[Host]) -> None:
    assert [host.must("hostname").strip() for host in hosts] == ["node-0", "node-1"]
    for host in hosts:
        links = host.must("ip", "-brief", "link").splitlines()
        assert [line.split()[0].partition("@")[0] for line in links] == ["lo", "link0"]


def test_a_host_reaches_the_other_by_its_name(listening: Sequence[Host]) -> None:
    assert reaches(listening[1])


@pytest.mark.parametrize("cut", [Host.drop_packets, Host.take_link_down])
@pytest.mark.parametrize("end", [0, 1])
def test_a_cut_host_does_not_reach_the_other(
    listening: Sequence[Host], cut: Callable[[Host], None], end: int
) -> None:
    cut(listening[end])
    assert not reaches(listening[1])


def test_a_host_that_ends_takes_its_processes_with_it(hosts: Sequence[Host]) -> None:
    left = hosts[1].start("sleep", "1000")
    hosts[1].end()
    assert left.wait(10).code != 0
