"""docker/release/verify-image: what it refuses before a pull, and what it asks of a stub cosign."""

import subprocess

import pytest
from support.fakes.host import Host

IMAGE = "example.com/me/workload:1.2.3-cpu"
KEYLESS = {"COSIGN_IDENTITY": "https://example.com/me/publish.yml", "COSIGN_ISSUER": "https://ci"}


@pytest.fixture
def signed_host(host: Host) -> Host:
    """A host whose cosign verifies nothing."""
    host.add("cosign", "exit 1")
    host.add("docker")
    return host


def verified(host: Host, *arguments: str) -> subprocess.CompletedProcess[str]:
    return host.run("docker/release/verify-image", *arguments)


@pytest.mark.parametrize("settings", [{}, *({name: KEYLESS[name]} for name in KEYLESS)])
def test_without_a_signer_it_says_what_to_set(settings: dict[str, str], signed_host: Host) -> None:
    signed_host.environment |= settings
    result = verified(signed_host, IMAGE)
    assert (result.returncode, result.stdout, signed_host.called) == (2, "", [])
    assert result.stderr == (
        "verify-image: set COSIGN_KEY=cosign.pub, or COSIGN_IDENTITY= and COSIGN_ISSUER=:"
        " who signed it?\n"
    )


@pytest.mark.parametrize("image", ["", "-v", "--key"])
def test_what_is_not_an_image_name_is_refused(image: str, signed_host: Host) -> None:
    signed_host.environment["COSIGN_KEY"] = "cosign.pub"
    result = verified(signed_host, image)
    assert (result.returncode, result.stderr.count("\n"), signed_host.called) == (2, 1, [])


def test_without_cosign_there_is_no_answer(host: Host) -> None:
    host.environment["COSIGN_KEY"] = "cosign.pub"
    result = verified(host, IMAGE)
    assert (result.returncode, result.stderr) == (
        4,
        "verify-image: cosign is not installed: see docs.sigstore.dev\n",
    )


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"COSIGN_KEY": "cosign.pub"}, "--key cosign.pub"),
        ({"COSIGN_KEY": "cosign.pub", **KEYLESS}, "--key cosign.pub"),
        ({"COSIGN_KEY": "cosign.pub", "COSIGN_OFFLINE": "0"}, "--key cosign.pub"),
        (
            {"COSIGN_KEY": "cosign.pub", "COSIGN_OFFLINE": "1"},
            "--key cosign.pub --insecure-ignore-tlog",
        ),
        (
            KEYLESS,
            "--certificate-identity https://example.com/me/publish.yml"
            " --certificate-oidc-issuer https://ci",
        ),
    ],
)
def test_cosign_is_asked_for_the_signer_and_by_default_for_the_log(
    settings: dict[str, str], options: str, signed_host: Host
) -> None:
    signed_host.environment |= settings
    verified(signed_host, IMAGE)
    assert signed_host.called == [f"cosign verify {options} {IMAGE}"]


def test_nothing_is_pulled_before_the_signature_is_verified(signed_host: Host) -> None:
    signed_host.environment["COSIGN_KEY"] = "cosign.pub"
    result = verified(signed_host, IMAGE)
    assert (result.returncode, len(signed_host.called)) == (4, 1)
    assert result.stderr == (
        f"verify-image: {IMAGE} has no signature that can be verified as by cosign.pub\n"
    )


def test_an_image_is_named_without_control_characters(signed_host: Host) -> None:
    signed_host.environment["COSIGN_KEY"] = "cosign.pub"
    result = verified(signed_host, "evil\x1b[2J\u202e")
    assert result.stderr.removesuffix("\n").isprintable()
