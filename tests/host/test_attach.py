"""docker/attach.py: what is signed and attached, and to which digest, with stub tools."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

REPOSITORY = "example.com/me/workload"
PUBLISHED = {
    target: {"tag": f"{REPOSITORY}:1.2.3-{target}", "image": f"{REPOSITORY}@sha256:{target}"}
    for target in ("cpu", "gpu")
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a bill and a record of the CPU image, both of which are published."""
    folder = tmp_path / "checkout"
    for name in ("docker", "results", "records/cpu/deep"):
        (folder / name).mkdir(parents=True)
    shutil.copy(CHECKOUT / "docker/attach.py", folder / "docker")
    (folder / "results/published.json").write_text(json.dumps(PUBLISHED))
    (folder / "results/sbom-cpu.cdx.json").write_text("{}")
    (folder / "records/cpu/deep/one.json").write_text("{}")
    return folder


@pytest.fixture
def tools(host: Host) -> Host:
    """A host with cosign and oras."""
    host.add("cosign")
    host.add("oras")
    return host


def attach(host: Host, checkout: Path) -> subprocess.CompletedProcess[str]:
    return host.run(sys.executable, str(checkout / "docker/attach.py"), "records")


def test_everything_belongs_to_a_digest(tools: Host, checkout: Path) -> None:
    assert attach(tools, checkout).returncode == 0
    assert tools.called == [
        f"cosign sign --yes --recursive {REPOSITORY}@sha256:cpu",
        "cosign attest --yes --type cyclonedx --predicate results/sbom-cpu.cdx.json"
        f" {REPOSITORY}@sha256:cpu",
        f"oras attach --artifact-type application/vnd.cyclonedx+json {REPOSITORY}@sha256:cpu"
        " results/sbom-cpu.cdx.json:application/json",
        "oras attach --artifact-type application/vnd.workload.record.v1+json"
        f" {REPOSITORY}@sha256:cpu records/cpu/deep/one.json:application/json",
        f"cosign sign --yes --recursive {REPOSITORY}@sha256:gpu",
    ]


def test_a_failure_ends_it_and_names_the_tag(tools: Host, checkout: Path) -> None:
    tools.add("oras", "exit 3")
    result = attach(tools, checkout)
    assert (result.returncode, len(tools.called)) == (1, 3)
    assert f"oras failed for {REPOSITORY}:1.2.3-cpu\n" in result.stderr


def test_a_dry_run_prints_and_does_nothing(tools: Host, checkout: Path) -> None:
    tools.environment["DRY_RUN"] = "1"
    assert attach(tools, checkout).stdout.count("\n") == 5
    assert tools.called == []


def test_nothing_published_is_nothing_to_sign(tools: Host, checkout: Path) -> None:
    (checkout / "results/published.json").unlink()
    result = attach(tools, checkout)
    assert (result.returncode, result.stderr.count("\n"), tools.called) == (2, 1, [])
