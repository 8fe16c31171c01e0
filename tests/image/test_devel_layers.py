"""A -devel image is the runtime image with more below the package.

What is tested of the runtime image's layers alone is then true of both.
"""

from typing import Any

import pytest

from docker import DockerClient

pytestmark = pytest.mark.only("devel")


@pytest.fixture
def runtime(client: DockerClient, target: str) -> dict[str, Any]:
    """What the engine knows of the runtime image, which was built from the same commit."""
    return dict(client.images.get(f"workload:{target}").attrs)


def test_it_has_every_layer_of_the_runtime_image(
    runtime: dict[str, Any], client: DockerClient, image: str
) -> None:
    layers = client.images.get(image).attrs["RootFS"]["Layers"]
    assert len(layers) > len(runtime["RootFS"]["Layers"]) > 5
    assert [layer for layer in runtime["RootFS"]["Layers"] if layer not in layers] == []


@pytest.mark.parametrize("setting", ["Cmd", "Entrypoint", "Env", "User", "WorkingDir"])
def test_it_starts_as_the_runtime_image_does(
    setting: str, runtime: dict[str, Any], config: dict[str, Any]
) -> None:
    assert config[setting] == runtime["Config"][setting]
