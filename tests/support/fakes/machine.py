"""A healthy machine with a GPU for the checks of the host, changed by a fault."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.fakes.host import Host

HOST = Path(__file__).parents[2] / "host"
GPU = "sys/bus/pci/devices/0000:17:00.0"
FILES = {
    f"{GPU}/vendor": "0x10de\n",
    f"{GPU}/class": "0x030200\n",
    "dev/nvidiactl": "",
    "dev/nvidia-uvm": "",
    "dev/nvidia0": "",
    "dev/char/195:255": "",
}

# The checks of `make doctor`, in their order.
IDS = (
    "engine builder host-python cgroup memory disk results gpu-card gpu-driver driver-version "
    "device-nodes gpu-option daemon-reload gpu-disk"
).split()
# What the commands print; a table of code and text where one fails.
ANSWERS: dict[str, Any] = {
    "info": "",
    "version": "28.3.0",
    "buildx": "github.com/docker/buildx v0.26.1 1a8287f",
    "limits": "2 systemd true true",
    "memory": "67108864000",
    "status": "[[Backing Filesystem extfs]]",
    "folder": "/var/lib/docker",
    "runtimes": "runc\nnvidia",
    "security": "[name=seccomp,profile=builtin]",
    "system": "Debian GNU/Linux 12 (bookworm)",
    "devices": "null",
    "cdi_folders": "",
    "context": "unix:///var/run/docker.sock",
    "image": {"code": 1, "text": ""},
    "import": "",
    "run": "",
    "gpus": "",
    "pull": "",
    "smi": "NVIDIA H200, 580.65.06",
    "kernel": "Linux",
    "free_kb": "500000000",
    "python": "3.11",
}
# Which command line gets which answer; the first that matches.
ASKED = {
    "*MemoryLimit*": "limits",
    "*MemTotal*": "memory",
    "*DriverStatus*": "status",
    "*DockerRootDir*": "folder",
    "*Runtimes*": "runtimes",
    "*DiscoveredDevices*": "devices",
    "*CDISpecDirs*": "cdi_folders",
    "*SecurityOptions*": "security",
    "*OperatingSystem*": "system",
    "info": "info",
    "version*": "version",
    "buildx*": "buildx",
    "context*": "context",
    "image*": "image",
    "import*": "import",
    "run*--gpus*": "gpus",
    "run*": "run",
    "pull*": "pull",
}


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of one of the tables beside this file, `faults` or `refusals`."""
    return list(tomllib.loads((HOST / f"{name}.toml").read_text())[name.removesuffix("s")])


def make_machine(host: Host, change: Mapping[str, Any]) -> Host:
    """Install a healthy machine's commands and files on `host`, changed by a fault.

    `change` has the answers that differ (`gpus` is that of docker run with --gpus, else as `run`),
    `lacks` (commands that are not installed), `adds` (those that are installed too), `files` (text
    by path; an empty table takes one away), `listing`, `user`, `trial` and `owner` (what `ls`,
    `id -u`, `mktemp` and `stat` print) and `environment`.
    """
    answers = {**ANSWERS, **{name: change[name] for name in ANSWERS if name in change}}
    answers["gpus"] = change.get("gpus", answers["run"])
    lacks, kilobytes = change.get("lacks", []), answers["free_kb"]
    asked = "".join(f"{line}) {_say(answers[name])} ;;\n" for line, name in ASKED.items())
    commands = {
        "docker": f'case "$*" in\n{asked}esac',
        "nvidia-smi": _say(answers["smi"]),
        "python3": _say(answers["python"]),
        "uname": _say(answers["kernel"]),
        "df": _say(f"head\ndisk 1 1 {kilobytes} 1% /" if kilobytes else {"code": 1, "text": ""}),
    }
    for command, name in {
        "ls": "listing",
        "id": "user",
        "mktemp": "trial",
        "stat": "owner",
    }.items():
        if name in change:
            commands[command] = _say(change[name])
    for command, script in commands.items():
        if command not in lacks:
            host.add(command, script)
    for command in change.get("adds", []):
        host.add(command)
    root = host.bin.parent / "root"
    for path, text in {**FILES, **change.get("files", {})}.items():
        if text != {}:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
    host.environment |= {"HOST_ROOT": str(root), **change.get("environment", {})}
    return host


def _say(answer: str | Mapping[str, Any]) -> str:
    """Return shell code that prints an answer; a failing one prints to stderr, as docker does."""
    if answer == "":
        return ":"
    if isinstance(answer, str):
        return f"cat <<'END'\n{answer}\nEND\n"
    return f"cat >&2 <<'END'\n{answer['text']}\nEND\nexit {answer['code']}\n"
