"""A simulated host for the scripts, on which a test installs what it needs."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
# What the scripts call besides the stubs. Named one by one, so that a real docker or
# nvidia-smi of this machine cannot answer for a stub that a test left out.
TOOLS = [
    "sh",
    "dirname",
    "grep",
    "head",
    "id",
    "ls",
    "od",
    "cat",
    "awk",
    "base64",
    "gzip",
    "make",
    "mkdir",
    "rm",
    "rmdir",
    "stat",
    "tail",
    "chmod",
    "mktemp",
    "bash",
    "cut",
    "fold",
    "timeout",
    "tr",
    "true",
    "uname",
    "cksum",
    "date",
    "df",
    "find",
    "ln",
    "mv",
    "readlink",
    "sed",
    "sleep",
    "touch",
]


@dataclass
class Host:
    """A host on which only `TOOLS` and the commands that a test adds are installed."""

    bin: Path
    calls: Path
    environment: dict[str, str] = field(default_factory=dict)

    def add(self, command: str, script: str = "") -> None:
        """Install a stub that records its arguments in `calls`, then runs the lines `script`.

        A docker prints a version unless the script has ended.
        """
        version = '[ "$1" != version ] || echo Version: 28\n' if command == "docker" else ""
        self._install(command, f'echo "{command} $*" >>{self.calls}\n{script}\n{version}')

    def add_python(self, command: str = "mypython", script: str = "exit 0") -> None:
        """Install the stub of an interpreter that works; questions about itself are no calls."""
        works = 'case $1:$2 in -c:*"sys.exit(42)"*) exit 42 ;; -c:*) exit ;; esac'
        self._install(command, f'{works}\necho "{command} $*" >>{self.calls}\n{script}\n')

    def _install(self, command: str, script: str) -> None:
        path = self.bin / command
        path.unlink(missing_ok=True)  # a link to this machine's own
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run `command` from the checkout with nothing but this host's commands on PATH."""
        return subprocess.run(
            command,
            cwd=CHECKOUT,
            env={
                "PATH": str(self.bin),
                "NVIDIA_DIRS": "",
                "HOST_ROOT": str(self.bin.parent / "root"),
                **self.environment,
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def called(self) -> list[str]:
        """The stubs' command lines so far."""
        return self.calls.read_text().splitlines() if self.calls.exists() else []
