"""`make verify-image`: a pulled image passes, and what is wrong with another is named."""

import os
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from support.registry.shipping import Move, Shipping
from support.registry.spoiled import Spoiled

from docker import DockerClient

ROOT = Path(__file__).parents[2]
ABOUT = b"Metadata-Version: 2.1\nName: stranger\nVersion: 6.6\n"
DIGEST = urlsafe_b64encode(sha256(ABOUT).digest()).rstrip(b"=").decode()
STRANGER = {
    "METADATA": ABOUT,
    "RECORD": (
        f"stranger-6.6.dist-info/METADATA,sha256={DIGEST},{len(ABOUT)}\n"
        "stranger-6.6.dist-info/RECORD,,\n"
    ).encode(),
}
pytestmark = pytest.mark.timeout(300)


def verified(image: str) -> subprocess.CompletedProcess[str]:
    """What is found out about an image from outside."""
    return subprocess.run(
        [str(ROOT / "docker/in-host"), "supply", "python", "docker/verify_image.py", image],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def failures(image: str) -> list[str]:
    """The lines that name what is wrong with an image."""
    result = verified(image)
    assert result.returncode == 4, result.stdout + result.stderr
    return [line for line in result.stdout.splitlines() if line.startswith("FAIL")]


@pytest.fixture(scope="module")
def spoiled(client: DockerClient, shipping: Shipping, first: Move) -> Iterator[Spoiled]:
    assert first
    spoiled = Spoiled(client, f"{shipping.name}:1-cpu-fresh", uuid.uuid4().hex)
    yield spoiled
    spoiled.remove_all()


@pytest.fixture(scope="module")
def library(client: DockerClient, first: Move) -> str:
    """Where the image's Python keeps its library, below /usr and /opt/venv."""
    version = client.images.get(first.image_id).labels["workload.python"]
    return f"lib/python{version.rpartition('.')[0]}"


def test_the_pulled_image_passes(shipping: Shipping, first: Move) -> None:
    result = verified(f"{shipping.name}:1-cpu-fresh")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"pass  digest     {first.digest}\n" in result.stdout


def test_a_changed_file_is_named_of_a_python_package_as_of_the_distribution(
    spoiled: Spoiled, library: str
) -> None:
    ours = f"/opt/venv/{library}/site-packages/workload/units.py"
    theirs = f"/usr/{library}/json/tool.py"
    changed = {path: spoiled.file(path) + b"# one line more\n" for path in (ours, theirs)}
    (line,) = failures(spoiled.with_files(changed))
    assert line == f"FAIL  files      changed: {ours[1:]}, {theirs[1:]}"


def test_a_missing_label_is_named(spoiled: Spoiled) -> None:
    image = spoiled.with_setting('LABEL org.opencontainers.image.revision=""')
    (line,) = failures(image)
    assert line == "FAIL  labels     missing: org.opencontainers.image.revision"


def test_a_package_that_is_not_in_the_lock_is_named(spoiled: Spoiled, library: str) -> None:
    folder = f"/opt/venv/{library}/site-packages/stranger-6.6.dist-info"
    files = {f"{folder}/{name}": content for name, content in STRANGER.items()}
    (line,) = failures(spoiled.with_files(files))
    assert line == "FAIL  packages   stranger 6.6 is not in the lock"


def test_another_project_s_image_is_refused_in_one_line(spoiled: Spoiled) -> None:
    result = verified(spoiled.with_setting("ENV WORKLOAD_VARIANT=other"))
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "no image of this project" in result.stderr


def test_an_image_that_is_not_here_is_refused_in_one_line() -> None:
    result = verified("workload-nowhere:1")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "there is no image workload-nowhere:1 here" in result.stderr
