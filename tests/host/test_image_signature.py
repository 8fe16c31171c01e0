"""docker/image_signature.py: who must have signed an image, asked of a stub cosign."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCKER = Path(__file__).parents[2] / "docker"
DIGESTS = ["example.com/other@sha256:1", "example.com/me/workload@sha256:2"]
IMAGE = "example.com/me/workload:1.2.3-cpu"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, without what this shell says of keys."""
    monkeypatch.syspath_prepend(DOCKER)
    for name in ("COSIGN_KEY", "COSIGN_IDENTITY", "COSIGN_ISSUER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    return importlib.import_module("image_signature")


@pytest.fixture
def cosign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a cosign that repeats its arguments and ends with a code."""

    def install(code: int) -> None:
        script = tmp_path / "cosign"
        script.write_text(f'#!/bin/sh\necho "$@" >&2\nexit {code}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


def test_without_a_signer_to_look_for_it_does_not_apply(module: ModuleType) -> None:
    assert module.signature(DIGESTS, IMAGE).holds is None


@pytest.mark.parametrize(("code", "holds"), [(0, True), (1, False)])
def test_it_is_what_cosign_says_of_the_digest_in_that_repository(
    module: ModuleType, cosign: Any, monkeypatch: pytest.MonkeyPatch, code: int, holds: bool
) -> None:
    cosign(code)
    monkeypatch.setenv("COSIGN_KEY", "my.pub")
    finding = module.signature(DIGESTS, IMAGE)
    assert finding.holds is holds
    assert finding.words == "by my.pub: verify --key my.pub example.com/me/workload@sha256:2"


def test_an_identity_is_looked_for_with_its_issuer(
    module: ModuleType, cosign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosign(0)
    monkeypatch.setenv("COSIGN_IDENTITY", "me@example.com")
    monkeypatch.setenv("COSIGN_ISSUER", "https://example.com")
    words = module.signature(DIGESTS, f"{IMAGE.partition(':')[0]}@sha256:2").words
    assert "--certificate-identity me@example.com" in words
    assert "--certificate-oidc-issuer https://example.com" in words


def test_a_signature_that_nobody_can_check_does_not_hold(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_KEY", "my.pub")
    finding = module.signature(DIGESTS, IMAGE)
    assert (finding.holds, finding.words) == (False, "cannot be told: cosign is not installed")


def test_an_image_of_another_repository_was_signed_by_nobody(
    module: ModuleType, cosign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosign(0)
    monkeypatch.setenv("COSIGN_KEY", "my.pub")
    assert module.signature([], IMAGE).holds is False
