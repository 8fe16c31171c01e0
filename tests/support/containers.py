"""Containers that are always removed, and whose logs are checked."""

import io
import re
import tarfile
from collections.abc import Iterator
from typing import Any

from docker.models.containers import Container
from support.outcome import Outcome

import docker
from docker import DockerClient

NOTHING_ALLOWED: dict[str, Any] = {
    "user": "12345:0",
    "read_only": True,
    "tmpfs": {"/tmp": ""},  # noqa: S108  the container's
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "network_mode": "none",
}

# As docker-stacks' tests do: any of these in a log fails the test unless allowed by name.
ALARM = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|\w+Warning:|Traceback")

# PyTorch's Arm library says so on stderr where the CPU is emulated, and goes on.
NO_MIDR = "xbyak_aarch64/src/util_impl_linux.h, 444: Can't open MIDR_EL1 sysfs entry"


def engine() -> Iterator[DockerClient]:
    """The engine of this host: a fixture for a session."""
    client = docker.from_env(timeout=600)
    yield client
    client.close()


class Containers:
    """Starts containers of one image; removes every one of them.

    An emulated one is `slower` by this factor, which lengthens every timeout.
    """

    def __init__(self, client: DockerClient, image: str, slower: float = 1) -> None:
        self._client = client
        self._image = image
        self._slower = slower
        self._started: list[Container] = []

    def start(self, *command: str, **options: Any) -> Container:
        """Start `command` in the background, without a GPU unless the options ask for one."""
        environment = {"NVIDIA_VISIBLE_DEVICES": "void"} | options.pop("environment", {})
        container = self._client.containers.create(
            self._image, list(command), environment=environment, **options
        )
        self._started.append(container)
        container.start()
        return container

    def run(
        self,
        *command: str,
        timeout_sec: float = 60,
        allowed: tuple[str, ...] = (),
        **options: Any,
    ) -> Outcome:
        """Run `command` to its end; an alarming line without an `allowed` text fails the test."""
        container = self.start(*command, **options)
        ended = self.wait(container, timeout_sec)
        lines = (ended.stdout + ended.stderr).splitlines()
        alarms = [line for line in lines if ALARM.search(line)]
        unexpected = [line for line in alarms if not any(text in line for text in allowed)]
        assert not unexpected, f"{command} said: {unexpected}"
        return ended

    def wait(self, container: Container, timeout_sec: float = 60) -> Outcome:
        """Wait for a started container; raises an exception of requests when it takes longer."""
        code = container.wait(timeout=timeout_sec * self._slower)["StatusCode"]
        said = container.logs(stdout=False, stderr=True).decode()
        return Outcome(
            code,
            container.logs(stdout=True, stderr=False).decode(),
            "".join(line for line in said.splitlines(keepends=True) if NO_MIDR not in line),
        )

    def remove_all(self) -> None:
        """Remove what was started, running or not."""
        for container in self._started:
            container.remove(force=True, v=True)


def files_in(container: Container, folder: str) -> dict[str, bytes]:
    """The files of a folder of a container, also of one that has ended, by their names."""
    chunks, _ = container.get_archive(folder)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        opened = ((member.name, archive.extractfile(member)) for member in archive)
        return {name.rpartition("/")[2]: file.read() for name, file in opened if file}
