"""A -devel image is the runtime image with more below the package.

What is tested of the runtime image's layers alone is then true of both.
"""

from typing import Any

import pytest
from support.saved_image import layer_entries

from docker import DockerClient

pytestmark = pytest.mark.only("devel")


@pytest.fixture
def runtime(client: DockerClient, target: str) -> dict[str, Any]:
    """What the engine knows of the runtime image, which was built from the same commit."""
    return dict(client.images.get(f"workload:{target}").attrs)


@pytest.mark.timeout(600)
def test_it_has_every_layer_of_the_runtime_image(
    runtime: dict[str, Any], client: DockerClient, image: str, target: str
) -> None:
    layers, below = client.images.get(image).attrs["RootFS"]["Layers"], runtime["RootFS"]["Layers"]
    assert len(layers) > len(below) > 5
    missing = [layer for layer in below if layer not in layers]
    others = [layer for layer in layers if layer not in below]
    # The engine may write the same entries in another order: see tests/tools/compare-builds.
    found = layer_entries(client, image, others) if missing else []
    for entries in layer_entries(client, f"workload:{target}", missing) if missing else []:
        assert entries in found


@pytest.mark.parametrize("setting", ["Cmd", "Entrypoint", "Env", "User", "WorkingDir"])
def test_it_starts_as_the_runtime_image_does(
    setting: str, runtime: dict[str, Any], config: dict[str, Any]
) -> None:
    assert config[setting] == runtime["Config"][setting]
