"""An engine of its own that knows a made-up GPU, beside the one that is there.

Docker looks for NVIDIA's hook on its PATH as it starts; a stand-in of the hook is in tests/engine.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
HOOK = ROOT / "tests/engine"
SMI = "#!/bin/sh\necho 'STAND-IN H100, 580.65.06'\n"
START_SEC, STOP_SEC, LOAD_SEC, RUN_SEC = 30, 30, 900, 300


class LabEngine:
    """A Docker engine with its own data, without a network; it lives from `with` to its end."""

    def __init__(self, folder: Path) -> None:
        """Keep everything of the engine below `folder`; the machine's files are in `machine`."""
        self._folder = folder
        self.machine = folder / "machine"
        self.host = f"unix://{folder}/docker.sock"
        self._commands = folder / "bin"
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "LabEngine":
        """Start the engine, and wait until it answers."""
        self.machine.mkdir()
        self._commands.mkdir()
        smi = self._commands / "nvidia-smi"
        smi.write_text(SMI)
        smi.chmod(0o755)
        folder = self._folder
        with (folder / "dockerd.log").open("wb") as log:
            self._daemon = subprocess.Popen(
                # A network of its own: without a bridge it removes the other engine's docker0.
                ["unshare", "--net", "dockerd", f"--host={self.host}", f"--data-root={folder}/data",
                 f"--exec-root={folder}/exec", f"--pidfile={folder}/dockerd.pid",
                 "--bridge=none", "--iptables=false", "--ip6tables=false"],
                env=self.environment() | {"LAB_MACHINE": str(self.machine)},
                stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_SEC
        while self.run("docker", "version").returncode:
            log_text = (folder / "dockerd.log").read_text()
            assert self._daemon.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the engine."""
        if self._daemon:
            self._daemon.terminate()
            self._daemon.wait(STOP_SEC)

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables of a host with this engine, its hook and a made-up nvidia-smi."""
        path = f"{self._commands}:{HOOK}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "DOCKER_HOST": self.host, **(changes or {})}

    def load(self, image: str) -> None:
        """Copy an image from the engine that is there."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(
                ["docker", "load", "--quiet"],
                stdin=saved.stdout, env=self.environment(), check=True, timeout=LOAD_SEC,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
        assert saved.returncode == 0

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
