"""One tag for two architectures: joined as `make publish` does, pulled by each to its own image."""

import json
from collections.abc import Iterator
from types import ModuleType

import pytest
from support import scripts
from support.registry.local_registry import LocalRegistry
from support.registry.shipping import REPOSITORY, Move, Shipping
from support.registry.signing import Signer

from docker import DockerClient
from workload import __version__ as VERSION  # noqa: N812

TAG = f"{VERSION}-gpu"
INDEX = "application/vnd.oci.image.index.v1+json"
IMAGES = {"amd64": "workload:gpu", "arm64": "workload:gpu-arm64"}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
pytestmark = [pytest.mark.joins, pytest.mark.timeout(1800)]

each_architecture = pytest.mark.parametrize("architecture", IMAGES)


@pytest.fixture(scope="module")
def publish(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """docker/release/publish.py, with a results folder of its own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        module = scripts.load("release/publish.py", monkeypatch)
        folder = tmp_path_factory.mktemp("publish")
        module.ROOT, module.RESULT = folder, folder / "published.json"  # type: ignore[attr-defined]  # of a script
        yield module


@pytest.fixture(scope="module")
def pushed(shipping: Shipping) -> dict[str, Move]:
    """Both images, pushed."""
    return {
        architecture: shipping.push(image, f"{architecture}-gpu", f"push of {image}")
        for architecture, image in IMAGES.items()
    }


@pytest.fixture(scope="module")
def index(publish: ModuleType, shipping: Shipping, pushed: dict[str, Move]) -> str:
    """The name of the index by its digest, which publish's own step makes of both."""
    platforms = [f"linux/{architecture}" for architecture in pushed]
    release = publish.Release(shipping.name, "revision", platforms, dry_run=False)
    for architecture, move in pushed.items():
        path = publish.ROOT / release.metadata("gpu", f"linux/{architecture}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"gpu": {"containerimage.digest": move.digest}}))
    labels = {"org.opencontainers.image.version": VERSION}
    publish.index(release, {"gpu": {"tags": [f"{shipping.name}:{TAG}"], "labels": labels}})
    published = json.loads(publish.RESULT.read_text())
    return str(published["gpu"]["image"])


@pytest.fixture(scope="module")
def signer(index: str, tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """Who signed the index."""
    signer = Signer(tmp_path_factory.mktemp("signer"))
    signer.sign(index)
    return signer


def pull(client: DockerClient, name: str, architecture: str) -> str:
    """Pull one architecture of a name; return the image's id."""
    return str(client.images.pull(name, platform=f"linux/{architecture}").id)


def test_the_index_lists_each_image_with_its_architecture(
    registry: LocalRegistry, index: str, pushed: dict[str, Move], table: list[str]
) -> None:
    digest = index.partition("@")[2]
    path = f"/v2/{REPOSITORY}/manifests/{digest}"
    with registry.ask("GET", path, Accept=INDEX) as sent:
        manifests = json.loads(sent.read())["manifests"]
    listed = {one["platform"]["architecture"]: one["digest"] for one in manifests}
    assert listed == {architecture: move.digest for architecture, move in pushed.items()}
    table += [f"index {digest}"] + [f"  {name} {found}" for name, found in listed.items()]


@each_architecture
def test_each_architecture_pulls_its_own_image_by_the_one_tag(
    client: DockerClient, shipping: Shipping, index: str, architecture: str, pushed: dict[str, Move]
) -> None:
    assert index
    name = f"{shipping.name}:{TAG}"
    assert pull(client, name, architecture) == pushed[architecture].image_id
    machine = client.containers.run(name, ["uname", "-m"], remove=True)
    client.images.remove(name)
    assert machine.decode().strip() == MACHINES[architecture]


@each_architecture
def test_each_architecture_verifies_by_the_one_tag(
    client: DockerClient, shipping: Shipping, index: str, architecture: str, signer: Signer
) -> None:
    pull(client, index, architecture)
    result = signer.verify(
        f"{shipping.name}:{TAG}", DOCKER_DEFAULT_PLATFORM=f"linux/{architecture}"
    )
    client.images.remove(index)
    assert result.returncode == 0, result.stderr
    assert "all as locked" in result.stdout
