"""A host with Podman and a simulated GPU: a privileged container of tests/engine/Dockerfile."""

import subprocess
from pathlib import Path

from support.lab.cdi import spec
from support.lab.driver_lab import NODES, Lab, Machine
from support.lab.stand_ins import nvidia_smi

ROOT = Path(__file__).parents[3]
HOST_IMAGE = "workload-engine:podman"
HOMES = {"root": "/root", "dev": "/home/dev"}
STORES = {"root": "/var/lib/containers", "dev": "/home/dev/.local/share/containers"}
LOAD_SEC, RUN_SEC = 900, 300


class PodmanHost:
    """Runs from `with` to its end; `folder` is empty and gets the machine's files."""

    def __init__(self, folder: Path, lab: Lab, machine: Machine, site: str) -> None:
        """Write the machine, and its CDI spec for images whose packages are in `site`."""
        self._folder = folder
        there = folder / "machine"
        there.mkdir()
        lab.write(machine, there)
        (folder / "nvidia.yaml").write_text(spec(there, site))
        (folder / "nvidia-smi").write_text(
            "#!/bin/sh\n"
            f"export LD_LIBRARY_PATH={there}/libraries LAB_TABLE={there}/table\n"
            f"exec {nvidia_smi(there)}\n"
        )
        compiled = {library.resolve().parent for library in (there / "libraries").iterdir()}
        for closed in (folder, *compiled):  # to the user dev
            closed.chmod(0o755)
        self._mounts = [f"--volume={path}:{path}:ro" for path in (ROOT, folder, *compiled)]
        self._id = ""

    def __enter__(self) -> "PodmanHost":
        """Start it, with the device's files and a checkout for each user."""
        command = ["docker", "run", "--detach", "--rm", "--privileged", "--network=none"]
        started = subprocess.run(
            [*command, *self._mounts, HOST_IMAGE],
            stdout=subprocess.PIPE, text=True, check=True, timeout=RUN_SEC,
        )  # fmt: skip
        self._id = started.stdout.strip()
        nodes = "".join(f"mknod -m 666 /dev/{name} c 1 3\n" for name in NODES)
        copies = "".join(
            f"mkdir {home}/checkout; cp -r {ROOT}/Makefile {ROOT}/docker {home}/checkout\n"
            for home in HOMES.values()
        )
        self.sh(
            "root",
            f"set -e\n{nodes}{copies}chown -R dev /home/dev/checkout\n"
            f"cp {self._folder}/nvidia.yaml /etc/cdi/\n"
            f"install {self._folder}/nvidia-smi /usr/local/bin/",
        ).check_returncode()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it, with all images."""
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", self._id],
            stdout=subprocess.DEVNULL, check=False, timeout=RUN_SEC,
        )  # fmt: skip

    def _command(self, user: str, *options: str) -> list[str]:
        variables = {
            "HOME": HOMES[user],
            "XDG_RUNTIME_DIR": f"/run/{user}",
            "TMPDIR": STORES[user],
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }
        given = [f"--env={name}={value}" for name, value in variables.items()]
        return ["docker", "exec", *options, f"--user={user}", *given, self._id]

    def load(self, user: str, image: str) -> None:
        """Copy an image from the engine that is there into this user's store."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(
                [*self._command(user, "--interactive"), "podman", "load", "--quiet"],
                stdin=saved.stdout, stdout=subprocess.DEVNULL, check=True, timeout=LOAD_SEC,
            )  # fmt: skip
        assert saved.returncode == 0

    def sh(self, user: str, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a script in this user's checkout."""
        there = f"cd {HOMES[user]}/checkout 2>/dev/null\n"
        return subprocess.run(
            [*self._command(user), "sh", "-c", there + script],
            capture_output=True, text=True, check=False, timeout=RUN_SEC,
        )  # fmt: skip
