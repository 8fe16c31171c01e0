"""docker/release/verify-image: a signed image passes, any other is refused in one line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.registry.derived import Derived
from support.registry.shipping import CPU, Shipping
from support.registry.signing import Signer

from docker import DockerClient
from workload import __version__ as VERSION  # noqa: N812

TAG = f"{VERSION}-cpu"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module")
def derived(client: DockerClient, shipping: Shipping) -> Iterator[Derived]:
    derived = Derived(client, shipping)
    yield derived
    derived.remove_all()


@pytest.fixture(scope="module")
def tagged(shipping: Shipping) -> str:
    """Return the name of the published image; each test pushes its own image there."""
    return f"{shipping.name}:{TAG}"


@pytest.fixture(scope="module")
def signed(derived: Derived, signer: Signer) -> str:
    """An image that was signed, by its digest."""
    image = derived.push(TAG)
    signer.sign(image)
    return image


def test_a_signed_image_passes(derived: Derived, signer: Signer, tagged: str) -> None:
    signer.sign(derived.push(TAG))
    result = signer.verify(tagged)
    assert result.returncode == 0, result.stderr
    assert "all as locked" in result.stdout


def test_a_signed_image_passes_by_its_digest(signer: Signer, signed: str) -> None:
    assert signer.verify(signed).returncode == 0


def test_an_image_without_a_signature_is_refused(
    derived: Derived, signer: Signer, tagged: str
) -> None:
    derived.push(TAG, "LABEL one.more=1")
    result = signer.verify(tagged)
    assert result.returncode == 4
    assert "no signatures found" in result.stderr
    assert result.stderr.splitlines()[-1] == (
        f"verify-image: {tagged} has no signature that can be verified as by {signer.public_key}"
    )


def test_another_key_is_refused(signed: str, tmp_path: Path) -> None:
    other = Signer(tmp_path)
    assert f"as by {other.public_key}" in other.refusal(signed)


def test_by_default_a_signature_must_be_in_the_transparency_log(
    signer: Signer, signed: str
) -> None:
    assert "has no signature that can be verified" in signer.refusal(signed, COSIGN_OFFLINE="")


def test_a_tag_that_was_moved_to_an_unsigned_image_is_refused(
    derived: Derived, signer: Signer, tagged: str
) -> None:
    before = derived.push(TAG)
    signer.sign(before)
    assert signer.verify(tagged).returncode == 0
    derived.push(TAG, "LABEL moved=1")
    assert "has no signature that can be verified" in signer.refusal(tagged)
    assert signer.verify(before).returncode == 0


@pytest.mark.parametrize(
    ("setting", "is_now"),
    [
        ("LABEL org.opencontainers.image.version=9.8.7", "9.8.7-cpu"),
        ("LABEL workload.devel=true", f"{VERSION}-cpu-devel"),
    ],
)
def test_a_tag_that_was_moved_to_another_signed_image_is_refused(
    derived: Derived, signer: Signer, tagged: str, setting: str, is_now: str
) -> None:
    signer.sign(derived.push(TAG, setting))
    assert f"the tag {TAG} was moved: it names {is_now}, revision " in signer.refusal(tagged)


@pytest.mark.parametrize("tag", [f"{VERSION.rpartition('.')[0]}-cpu", "sha-{revision}-cpu"])
def test_the_other_tags_of_a_version_pass(
    derived: Derived, signer: Signer, shipping: Shipping, client: DockerClient, tag: str
) -> None:
    revision = client.images.get(CPU).labels["org.opencontainers.image.revision"][:12]
    named = tag.format(revision=revision)
    signer.sign(derived.push(named))
    assert signer.verify(f"{shipping.name}:{named}").returncode == 0


def test_a_missing_label_is_named(derived: Derived, signer: Signer) -> None:
    image = derived.push(TAG, 'LABEL org.opencontainers.image.revision=""')
    signer.sign(image)
    assert signer.refusal(image) == (
        f"verify-image: {image} has no label org.opencontainers.image.revision"
    )


def test_a_package_that_is_not_in_the_lock_is_named(
    derived: Derived, signer: Signer, client: DockerClient
) -> None:
    version = client.images.get(CPU).labels["workload.python"].rpartition(".")[0]
    path = f"/opt/venv/lib/python{version}/site-packages/left_pad-1.0.dist-info/METADATA"
    metadata = b"Metadata-Version: 2.1\nName: left-pad\nVersion: 1.0\n"
    image = derived.push(TAG, files={path: metadata})
    signer.sign(image)
    assert signer.refusal(image) == f"sbom: {image}: left-pad 1.0 is not in the lock"


def test_an_image_of_another_project_is_refused(derived: Derived, signer: Signer) -> None:
    image = derived.push(TAG, "ENV WORKLOAD_VARIANT=other")
    signer.sign(image)
    result = signer.verify(image)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == (
        f"verify-image: {image} is not an image of this project"
    )
