"""Two hosts on this machine: namespaces of their own, and one link that exists only between them.

Each has its own network, host name, mounts and processes, so that it is lost as a host is: all at
once. Nothing here touches the machine's network.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.outcome import Outcome

ROOT = Path(__file__).parents[3]
LINK = "link0"
JOB_USER = 10001  # of the image
ENTER_SEC = 10
SETUP = """
hostname "$1" && ip link set lo up && mount --bind "$2" /etc/hosts && exec sleep infinity
"""


class Started:
    """A command that was started on a host, and what it prints."""

    def __init__(self, command: Sequence[str], place: Path, changes: Mapping[str, str]) -> None:
        """Start it; its output goes to two files named after `place`."""
        self._stdout, self._stderr = place.with_suffix(".out"), place.with_suffix(".err")
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                command, env={**os.environ, **changes},
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            )  # fmt: skip

    @property
    def stdout(self) -> str:
        """Return what it has printed so far."""
        return self._stdout.read_text()

    @property
    def stderr(self) -> str:
        """Return its messages so far."""
        return self._stderr.read_text()

    def wait(self, timeout_sec: float = 60) -> Outcome:
        """Wait for its end; `subprocess.TimeoutExpired` if it runs longer."""
        code = self.process.wait(timeout_sec)
        return Outcome(code, self.stdout, self.stderr)


class Host:
    """One host; `Hosts` makes it and gives it its link."""

    def __init__(self, number: int, folder: Path) -> None:
        """Make the namespaces; `folder` has the /etc/hosts of both, and gets the output."""
        self._folder = folder
        self._started: list[Started] = []
        self.name = f"node-{number}"
        self.address = f"10.0.0.{number + 1}"
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child",
             "--mount-proc", "sh", "-c", SETUP, "sh", self.name, str(folder / "hosts")],
        )  # fmt: skip
        self.init_pid = self._wait_for_init()

    def _wait_for_init(self) -> int:
        """Return the process ID of the host's first process, as this machine sees it."""
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        deadline = time.monotonic() + ENTER_SEC
        while True:
            assert self._holder.poll() is None, f"{self.name} ended: is this root?"
            assert time.monotonic() < deadline, f"{self.name} has no first process"
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep"):
                    return int(pid)
            time.sleep(0.01)

    def command(self, *command: str, user: int = 0) -> list[str]:
        """Return the command line that runs `command` on this host, in this checkout."""
        enter = ["nsenter", "--target", str(self.init_pid), "--net", "--uts", "--mount", "--pid"]
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return [*enter, f"--wdns={ROOT}", *drop, *command]

    def start(
        self, *command: str, user: int = 0, changes: Mapping[str, str] | None = None
    ) -> "Started":
        """Start a command on this host."""
        place = self._folder / f"{self.name}-{len(self._started)}"
        self._started.append(Started(self.command(*command, user=user), place, changes or {}))
        return self._started[-1]

    def run(self, *command: str, user: int = 0, timeout_sec: float = 60) -> Outcome:
        """Run a command on this host to its end."""
        return self.start(*command, user=user).wait(timeout_sec)

    def must(self, *command: str) -> str:
        """Run a command that has to succeed; return what it prints."""
        outcome = self.run(*command)
        assert outcome.code == 0, f"{self.name}: {' '.join(command)}: {outcome.stderr}"
        return outcome.stdout

    def processes(self) -> list[str]:
        """Return the command lines of what runs on this host, apart from its first process."""
        listed = Path(f"/proc/{self.init_pid}/root/proc").glob("[0-9]*/cmdline")
        lines = {path.parent.name: _command_line(path) for path in listed}
        return [line for pid, line in lines.items() if pid != "1" and line]

    def drop_packets(self) -> None:
        """Drop every packet of the link, in both directions, as a failed switch does."""
        self.must("iptables", "--append", "INPUT", "--in-interface", LINK, "--jump", "DROP")
        self.must("iptables", "--append", "OUTPUT", "--out-interface", LINK, "--jump", "DROP")

    def take_link_down(self) -> None:
        """Take the link down at this end, as a pulled cable does."""
        self.must("ip", "link", "set", LINK, "down")

    def end(self) -> None:
        """End all processes of this host, and with the last its namespaces."""
        self._holder.kill()
        self._holder.wait()
        for started in self._started:
            started.wait(ENTER_SEC)


def _command_line(path: Path) -> str:
    """Return a process's command line; nothing for a zombie, or one that is gone."""
    try:
        return path.read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


class Hosts:
    """Both hosts, from `with` to its end."""

    def __init__(self, folder: Path) -> None:
        """Keep their common /etc/hosts and their output in `folder`."""
        self._folder = folder
        self._made: list[Host] = []

    def __enter__(self) -> Sequence[Host]:
        """Make both, and the link between them."""
        addresses = "127.0.0.1 localhost\n10.0.0.1 node-0\n10.0.0.2 node-1\n"
        (self._folder / "hosts").write_text(addresses)
        for number in range(2):
            self._made.append(Host(number, self._folder))
        first, second = self._made
        link(first, second)
        return self._made

    def __exit__(self, *_: object) -> None:
        """End both, and everything that runs on them."""
        for host in self._made:
            host.end()


def link(first: Host, second: Host) -> None:
    """Connect two hosts. Their /proc is their own, so the far end is moved from outside."""
    first.must("ip", "link", "add", LINK, "type", "veth", "peer", "name", "peer0")
    subprocess.run(
        ["nsenter", f"--net=/proc/{first.init_pid}/ns/net",
         "ip", "link", "set", "peer0", "netns", str(second.init_pid), "name", LINK],
        check=True,
    )  # fmt: skip
    for host in (first, second):
        host.must("ip", "address", "add", f"{host.address}/24", "dev", LINK)
        host.must("ip", "link", "set", LINK, "up")
