"""A Slurm cluster of two nodes on two hosts, as Debian's packages install it."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.cluster.hosts import JOB_USER, ROOT, Host
from support.outcome import Outcome
from support.processes import wait_until

FOLDER = ROOT / "docker/cluster"
CHECK_NODE = FOLDER / "check-node"
CONFIGURATION = """
ClusterName=test
SlurmctldHost=node-0
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=nohold_on_prolog_fail
StateSaveLocation=/run/slurmctld
SlurmdSpoolDir=/run/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
{checks}
NodeName=node-[0-1] CPUs=2
PartitionName=all Nodes=ALL Default=YES OverSubscribe=NO
"""
# Each host has its own /run and /etc, so its own daemons.
PREPARE = """
set -e
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/munge && mount -t tmpfs tmpfs /etc/default
mount --bind "$1/etc" /etc/slurm
mkdir -p /run/munge /run/slurmctld /run/slurmd
install --mode=400 "$1/munge.key" /etc/munge/munge.key
cp "$1/$(hostname).settings" /etc/default/workload
munged --force --log-file="$1/$(hostname).munged.log"
"""


class Slurm:
    """A running cluster; the hosts take it with them when they end."""

    def __init__(
        self,
        hosts: Sequence[Host],
        folder: Path,
        checks: str,
        settings: Mapping[str, str],
        gres: str = "",
    ) -> None:
        """Start it with these lines of slurm.conf, gres.conf and, by node, /etc/default/workload.

        The logs go to `folder`.
        """
        self._hosts = hosts
        self.folder = folder
        (folder / "etc").mkdir()
        (folder / "etc/slurm.conf").write_text(CONFIGURATION.format(folder=folder, checks=checks))
        (folder / "etc/gres.conf").write_text(gres)
        (folder / "munge.key").write_bytes(secrets.token_bytes(128))
        for host in hosts:
            lines = ("DEVICE=cpu", "WORKLOAD=/opt/venv/bin/workload", settings.get(host.name, ""))
            (folder / f"{host.name}.settings").write_text("\n".join(lines))
            host.must("sh", "-c", PREPARE, "sh", str(folder))
        self._controller = hosts[0].start("slurmctld", "-D")
        self._daemons = [host.start("slurmd", "-D") for host in hosts]

    def must(self, *command: str) -> str:
        """Run one of Slurm's commands on the first node, as root."""
        return self._hosts[0].must(*command)

    def submit(self, *options: str) -> None:
        """Submit a job as the jobs' user."""
        submitted = self._hosts[0].run("sbatch", *options, user=JOB_USER)
        assert submitted.code == 0, submitted.stderr

    def run_job(self, *options: str, changes: Mapping[str, str], timeout_sec: float) -> Outcome:
        """Submit a job as the jobs' user, and wait for its end."""
        command = ("sbatch", "--wait", *options)
        return self._hosts[0].start(*command, user=JOB_USER, changes=changes).wait(timeout_sec)

    def run_check(self, node: str) -> Outcome:
        """Run the check on a node, as its slurmd does."""
        (host,) = (host for host in self._hosts if host.name == node)
        return host.start(str(CHECK_NODE), changes={"SLURMD_NODENAME": node}).wait(60)

    def wait_until_idle(self) -> None:
        """Wait until jobs can start on both nodes."""
        for host in self._hosts:
            self.wait_for(host.name, "idle")

    def wait_for(self, node: str, state: str) -> None:
        """Wait until a node is in this state, as sinfo names it."""
        wait_until(self._controller.process, lambda: self._shown(node, "%T") == state)

    def wait_for_text(self, path: Path, text: str) -> None:
        """Wait until a file that a job writes has this text."""
        wait_until(self._controller.process, lambda: path.exists() and path.read_text() == text)

    def reason(self, node: str) -> str:
        """Return why a node is drained."""
        return self._shown(node, "%E")

    def _shown(self, node: str, column: str) -> str:
        shown = self._hosts[0].run("sinfo", "--noheader", "--nodes", node, "--format", column)
        return shown.stdout.strip()
