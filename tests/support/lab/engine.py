"""An engine of its own that knows a simulated GPU, beside the one that is there.

Docker looks for NVIDIA's hook on its PATH as it starts, and for CDI specs in folders; a stand-in of
the hook is in tests/engine.
"""

import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.lab.driver_lab import Lab, Machine
from support.lab.stand_ins import nvidia_smi

ROOT = Path(__file__).parents[3]
HOOK = ROOT / "tests/engine"
START_SEC, STOP_SEC, LOAD_SEC, RUN_SEC = 30, 30, 900, 300


@dataclass(frozen=True)
class Setup:
    """What an engine is, and how it is to give containers the GPU."""

    programs: str = ""  # folders of another Docker, for PATH
    hook: bool = False  # the daemon finds NVIDIA's hook
    own_hook: bool = True  # and so does the user
    cdi: bool | None = None  # the daemon reads CDI specs; None: by default
    runtime: bool = False  # the daemon has a runtime called nvidia


class LabEngine:
    """A Docker engine with its own data, without a network; it lives from `with` to its end."""

    def __init__(self, folder: Path) -> None:
        """Keep everything of the engine below `folder`.

        The machine's files are in `machine`; `root` has what `make doctor` looks for on the host.
        """
        self._folder = folder
        self.machine = folder / "machine"
        self.root = folder / "root"
        self.specs = self.root / "etc/cdi"
        self.host = f"unix://{folder}/docker.sock"
        self._commands = folder / "bin"
        self._setup: Setup | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        for made in (self.machine, self.specs, self._commands):
            made.mkdir(parents=True)
        for outside in {folder.parts[1], ROOT.parts[1]}:  # where the spec's files are
            (self.root / outside).symlink_to(f"/{outside}")

    def __enter__(self) -> "LabEngine":
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the engine, and remove its images: gigabytes."""
        self._stop()
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def start(self, setup: Setup) -> None:
        """Let such an engine run, and wait until it answers; the data stay."""
        if setup == self._setup:
            return
        self._stop()
        self._setup = setup
        folder = self._folder
        (folder / "daemon.json").write_text(json.dumps(self._configuration(setup)))
        with (folder / "dockerd.log").open("wb") as log:
            self._daemon = subprocess.Popen(
                # A network of its own: without a bridge it removes the other engine's docker0.
                ["unshare", "--net", "dockerd", f"--config-file={folder}/daemon.json"],
                env=self._environment(hook=setup.hook) | {"LAB_MACHINE": str(self.machine)},
                stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_SEC
        while self.run("docker", "version").returncode:
            log_text = (folder / "dockerd.log").read_text()
            assert self._daemon.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.5)

    def _configuration(self, setup: Setup) -> dict[str, object]:
        folder = self._folder
        features = {} if setup.cdi is None else {"features": {"cdi": setup.cdi}}
        runtimes = {"runtimes": {"nvidia": {"path": "runc"}}} if setup.runtime else {}
        return {
            "hosts": [self.host],
            "data-root": f"{folder}/data",
            "exec-root": f"{folder}/exec",
            "pidfile": f"{folder}/dockerd.pid",
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
            "cdi-spec-dirs": [str(self.specs)],
            **features,
            **runtimes,
        }

    def _stop(self) -> None:
        if self._daemon:
            self._daemon.terminate()
            self._daemon.wait(STOP_SEC)
        self._daemon = self._setup = None

    def _environment(self, *, hook: bool) -> dict[str, str]:
        setup = self._setup or Setup()
        folders = [setup.programs, str(self._commands), str(HOOK) if hook else ""]
        path = os.pathsep.join([*filter(None, folders), os.environ["PATH"]])
        return {**os.environ, "PATH": path, "DOCKER_HOST": self.host}

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables of a user of this engine, with a simulated nvidia-smi."""
        hook = self._setup is not None and self._setup.hook and self._setup.own_hook
        return {**self._environment(hook=hook), "HOST_ROOT": str(self.root), **(changes or {})}

    def write_spec(self, text: str, folder: str = "etc/cdi") -> None:
        """Put a CDI spec into a folder of the host; the daemon reads etc/cdi."""
        spec = self.root / folder / "nvidia.yaml"
        spec.parent.mkdir(parents=True, exist_ok=True)
        spec.write_text(text)

    def remove_specs(self) -> None:
        """Leave the host without a CDI spec."""
        for spec in self.root.glob("**/cdi/nvidia.yaml"):
            spec.unlink()

    def load(self, image: str) -> None:
        """Copy an image from the engine that is there, as workload:gpu."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(
                ["docker", "load", "--quiet"],
                stdin=saved.stdout, env=self.environment(), check=True, timeout=LOAD_SEC,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
        assert saved.returncode == 0
        self.run("docker", "tag", image, "workload:gpu").check_returncode()

    def install(self, lab: Lab, machine: Machine) -> None:
        """Make it the host of such a machine: its files, its PCI bus and nvidia-smi."""
        shutil.rmtree(self.machine)
        self.machine.mkdir()
        lab.write(machine, self.machine)
        command = self._commands / "nvidia-smi"
        command.write_text(
            "#!/bin/sh\n"
            f"export LD_LIBRARY_PATH={self.machine}/libraries LAB_TABLE={self.machine}/table\n"
            f'exec {nvidia_smi(self._folder)} "$@"\n'
        )
        command.chmod(0o755)
        gpu = self.root / "sys/bus/pci/devices/0000:10:00.0"
        gpu.mkdir(parents=True, exist_ok=True)
        (gpu / "vendor").write_text("0x10de\n")
        (gpu / "class").write_text("0x030200\n")
        devices = self.root / "dev"
        shutil.rmtree(devices, ignore_errors=True)
        devices.mkdir()
        for name in ("null", *machine.nodes):
            os.mknod(devices / name, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            (devices / name).chmod(0o666)

    def run(
        self, *command: str, changes: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command of this checkout on the host of this engine."""
        return subprocess.run(
            list(command), cwd=ROOT, env=self.environment(changes), capture_output=True, text=True,
            check=False, timeout=RUN_SEC,
        )  # fmt: skip

    def refuse(self, words: Sequence[str] = ()) -> None:
        """Let the hook refuse every container with these lines; without any, let it pass."""
        refusal = self.machine / "refusal"
        refusal.unlink(missing_ok=True)
        if words:
            refusal.write_text("\n".join(words) + "\n")
