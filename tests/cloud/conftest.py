"""A registry with the CPU image, and VMs that are removed after each test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.containers import engine
from support.vm import GPU, VM_IMAGE, Vm, create, render

import docker
from docker import DockerClient

REPOSITORY = "workload"
STORED = pytest.StashKey[tuple[str, str]]()


client = pytest.fixture(scope="session")(engine)


def push(client: DockerClient, image: str, target: str) -> str:
    """Push an image under another name, forget that name, and return the digest."""
    repository, _, tag = target.rpartition(":")
    client.images.get(image).tag(repository, tag)
    try:
        said = list(client.images.push(repository, tag, stream=True, decode=True))
    finally:
        client.images.remove(target)
    digests = [line["aux"]["Digest"] for line in said if "aux" in line]
    assert digests, said[-1]
    return str(digests[0])


def store(client: DockerClient, registry: str) -> str:
    """Push the CPU image into a registry's volume; its name on a VM that serves the volume."""
    server = client.containers.run(
        VM_IMAGE,
        ["docker-registry", "serve", "/etc/docker/registry/config.yml"],
        user="docker-registry",
        ports={"5000/tcp": ("127.0.0.1", None)},
        volumes=[f"{registry}:/var/lib/docker-registry"],
        detach=True,
    )
    try:
        Vm(server).wait_until("bash -c '</dev/tcp/127.0.0.1/5000' 2>/dev/null")
        server.reload()
        port = server.ports["5000/tcp"][0]["HostPort"]
        digest = push(client, "workload:cpu", f"127.0.0.1:{port}/{REPOSITORY}:cpu")
    finally:
        server.remove(force=True, v=True)
    return f"127.0.0.1:5000/{REPOSITORY}@{digest}"


def stored(config: pytest.Config) -> tuple[str, str]:
    """The volume of a registry with the CPU image, and that image's name: once for all workers."""
    if STORED not in config.stash:
        client = docker.from_env(timeout=300)
        config.add_cleanup(client.close)
        volume = client.volumes.create()
        config.add_cleanup(volume.remove)
        config.stash[STORED] = volume.name, store(client, volume.name)
    return config.stash[STORED]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what its controller stored."""
    node.workerinput["stored"] = stored(node.config)


@pytest.fixture(scope="session")
def registry(pytestconfig: pytest.Config) -> str:
    """Return the registry's volume; each VM serves it on its loopback."""
    worker = getattr(pytestconfig, "workerinput", None)
    return str(worker["stored"][0]) if worker else stored(pytestconfig)[0]


@pytest.fixture(scope="session")
def pulled(pytestconfig: pytest.Config) -> str:
    """The CPU image as a VM pulls it: from its loopback, by digest."""
    worker = getattr(pytestconfig, "workerinput", None)
    return str(worker["stored"][1]) if worker else stored(pytestconfig)[1]


@pytest.fixture(scope="module")
def make_vm(client: DockerClient, registry: str, pulled: str) -> Iterator[Callable[..., Vm]]:
    """Makes and boots a VM from user data with the given settings."""
    made = []

    def make(
        *stubs: str, pci: dict[str, str] = GPU, links: dict[str, str] | None = None, **settings: Any
    ) -> Vm:
        user_data = render(**({"IMAGE": pulled} | settings))
        commands = {f"/usr/local/bin/{stub}": "/opt/stub" for stub in stubs}
        links = commands | (links or {})
        made.append(create(client, registry, user_data, pci=pci, links=links))
        vm = Vm(made[-1])
        vm.boot()
        return vm

    yield make
    for container in made:
        container.remove(force=True, v=True)
