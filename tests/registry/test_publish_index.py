"""docker/release/publish.py: its plan, as bake resolves it, and an index in a real registry."""

import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from support.registry.local_registry import LocalRegistry
from support.registry.shipping import NO_BYTECODE

from workload import __version__ as VERSION  # noqa: N812

ROOT = Path(__file__).parents[2]
OCI = "application/vnd.oci.image"
REPOSITORY = "me/workload"
LABEL = "org.opencontainers.image"
TARGETS = ["cpu", "gpu", "cpu-devel", "gpu-devel"]
BASES = ("CPU_BASE", "GPU_BASE")  # whatever is built on here, the pinned ones are published


def publish(checkout: Path, *step: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a checkout with this host's docker."""
    environment = {name: text for name, text in os.environ.items() if name not in BASES}
    return subprocess.run(
        [sys.executable, str(checkout / "docker/release/publish.py"), *step],
        env=environment | {"VERSION": VERSION, "SOURCE": "https://example.com/me/it"} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def plan() -> dict[str, Any]:
    """The targets of a dry run, as bake resolves them."""
    printed = publish(ROOT, "build", REGISTRY="example.com/me", DRY_RUN="1")
    assert printed.returncode == 0, printed.stderr
    targets: dict[str, Any] = json.JSONDecoder().raw_decode(printed.stdout)[0]
    return targets


def test_every_image_is_published_but_the_test_variants(plan: dict[str, Any]) -> None:
    recipe = (ROOT / "docker/docker-bake.hcl").read_text()
    every = re.findall(r'^target "([a-z][\w-]*)"', recipe, re.MULTILINE)
    assert {*plan} == {name for name in every if not name.endswith(("-test", "-lab"))}


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_is_pushed_by_digest_with_attestations_and_zstd_layers(
    plan: dict[str, Any], target: str
) -> None:
    assert plan[target]["attest"] == ["type=provenance,mode=max", "type=sbom"]
    (output,) = plan[target]["output"]
    wanted = "name=example.com/me/workload,push=true,push-by-digest=true,compression=zstd"
    assert {*wanted.split(","), "rewrite-timestamp=true"} <= {*output.split(",")}


@pytest.mark.parametrize("target", TARGETS)
def test_labels_and_annotations_name_the_origin_of_an_image(
    plan: dict[str, Any], target: str
) -> None:
    planned = plan[target]
    name, _, digest = planned["args"]["BASE"].partition("@")
    labels = dict(planned["labels"])
    assert labels.pop(f"{LABEL}.created").endswith("Z")
    assert labels == {
        f"{LABEL}.title": "workload",
        f"{LABEL}.licenses": "MIT",
        f"{LABEL}.version": VERSION,
        f"{LABEL}.revision": planned["args"]["REVISION"],
        f"{LABEL}.source": "https://example.com/me/it",
        f"{LABEL}.base.name": name,
        f"{LABEL}.base.digest": digest,
    }
    assert {f"manifest:{key}={text}" for key, text in labels.items()} < {*planned["annotations"]}


def test_an_index_is_named_by_version_series_and_commit(plan: dict[str, Any]) -> None:
    series, commit = VERSION.rpartition(".")[0], plan["cpu"]["args"]["REVISION"][:12]
    assert [tag.rpartition(":")[2] for tag in plan["cpu-devel"]["tags"]] == [
        f"{VERSION}-cpu-devel",
        f"{series}-cpu-devel",
        f"sha-{commit}-cpu-devel",
    ]


def git(checkout: Path, *arguments: str) -> str:
    """Run git in a checkout; return its output."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clean checkout of what the script reads."""
    shutil.copytree(ROOT / "docker", tmp_path / "docker", ignore=NO_BYTECODE)
    (tmp_path / "workload").mkdir()
    shutil.copy(ROOT / "workload/__init__.py", tmp_path / "workload")
    (tmp_path / ".gitignore").write_text("results/\n")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=me", "-c", "user.email=me@example.com", "commit", "-m", "all")
    return tmp_path


def put(registry: LocalRegistry, kind: str, **manifest: Any) -> dict[str, Any]:
    """Store a manifest or an index by its digest; return its descriptor."""
    whole = {"schemaVersion": 2, "mediaType": f"{OCI}.{kind}.v1+json", **manifest}
    return registry.add_manifest(REPOSITORY, whole)


def push(registry: LocalRegistry, target: str, architecture: str) -> str:
    """Push an image and its attestations, as a builder does: an index of both, by digest."""
    found, author = [], f"{target} {architecture}"
    for where in (architecture, "linux"), ("unknown", "unknown"):
        about = {"architecture": where[0], "os": where[1]}
        config = registry.add_blob(REPOSITORY, json.dumps(about | {"author": author}).encode())
        config |= {"mediaType": f"{OCI}.config.v1+json"}
        found.append(put(registry, "manifest", config=config, layers=[]) | {"platform": about})
    return str(put(registry, "index", manifests=found)["digest"])


@pytest.fixture
def variables(registry: LocalRegistry, checkout: Path) -> dict[str, str]:
    """What publishes a version of which two machines have pushed all images."""
    revision = git(checkout, "rev-parse", "HEAD").strip()
    folder = checkout / "results/published" / revision
    folder.mkdir(parents=True)
    for target, architecture in product(TARGETS, ("amd64", "arm64")):
        pushed = {target: {"containerimage.digest": push(registry, target, architecture)}}
        (folder / f"{target}-linux-{architecture}.json").write_text(json.dumps(pushed))
    return {"REGISTRY": f"{registry.address}/me", "PLATFORMS": "linux/amd64,linux/arm64"}


def test_an_index_joins_images_and_attestations_and_is_never_replaced(
    registry: LocalRegistry, checkout: Path, variables: dict[str, str]
) -> None:
    result = publish(checkout, "index", **variables)
    assert result.returncode == 0, result.stderr
    published = json.loads(result.stdout)
    assert {*published} == {*TARGETS}
    for target, names in published.items():
        path = f"/v2/{REPOSITORY}/manifests/{VERSION}-{target}"
        with registry.ask("GET", path, Accept=f"{OCI}.index.v1+json") as sent:
            text = sent.read()
        index = json.loads(text)
        assert names["digest"] == f"sha256:{sha256(text).hexdigest()}"
        joined = [one["platform"]["architecture"] for one in index["manifests"]]
        assert sorted(joined) == ["amd64", "arm64", "unknown", "unknown"]
        assert index["annotations"]["org.opencontainers.image.version"] == VERSION
    again = publish(checkout, "index", **variables)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is published already, and is never replaced" in again.stderr


def test_uncommitted_changes_are_refused(checkout: Path, variables: dict[str, str]) -> None:
    (checkout / "docker/build").write_text("# changed\n")
    result = publish(checkout, "index", **variables)
    assert (result.returncode, result.stdout) == (2, "")
    assert "uncommitted changes (M docker/build, …): commit them first" in result.stderr


def test_this_engines_own_builder_is_refused(checkout: Path, variables: dict[str, str]) -> None:
    result = publish(checkout, "build", **variables, BUILDX_BUILDER="default")
    assert (result.returncode, result.stdout) == (4, "")
    assert "the builder's driver is docker, which pushes no attestations" in result.stderr
