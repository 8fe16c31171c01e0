"""docker/release.py: what a release is made of."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCKER = Path(__file__).parents[3] / "docker"
RECIPE = (DOCKER / "docker-bake.hcl").read_text()
BASES = {"cpu": "ubuntu:24.04@sha256:" + "1" * 64, "gpu": "nvidia/cuda:13@sha256:" + "2" * 64}
OCI = "org.opencontainers.image"


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which the script beside it imports."""
    monkeypatch.syspath_prepend(DOCKER)
    return importlib.import_module("release")


@pytest.fixture
def one(release: ModuleType) -> Any:
    """A release of both architectures."""
    return release.Release(
        repository="example.com/me/workload",
        version="1.2.3",
        revision="0123456789abcdef" * 2,
        created_sec=1_750_000_000,
        source="https://example.com/me/workload",
        platforms=("linux/amd64", "linux/arm64"),
    )


def test_every_image_is_published_and_no_test_variant(release: ModuleType) -> None:
    assert release.targets(RECIPE) == ["cpu", "gpu", "cpu-devel", "gpu-devel"]


def test_an_index_is_named_by_version_series_and_commit(release: ModuleType, one: Any) -> None:
    assert release.tags(one, "cpu") == [
        "example.com/me/workload:1.2.3-cpu",
        "example.com/me/workload:1.2-cpu",
        "example.com/me/workload:sha-0123456789ab-cpu",
    ]


@pytest.mark.parametrize("version", ["1.2", "latest", "1.2.3-rc1", "v1.2.3", ""])
def test_what_is_no_version_is_refused(release: ModuleType, one: Any, version: str) -> None:
    other = release.Release(**(vars(one) | {"version": version}))
    with pytest.raises(ValueError, match=r"is not of the form 1\.2\.3"):
        release.tags(other, "cpu")


def test_a_base_without_a_digest_is_refused(release: ModuleType, one: Any) -> None:
    with pytest.raises(ValueError, match="the base debian:12 has no digest"):
        release.bake_file(one, {"cpu": "debian:12"}, {})


def test_each_architecture_of_each_image_is_built(release: ModuleType, one: Any) -> None:
    built = release.bake_file(one, BASES, {})["target"]
    assert {name: part["platforms"] for name, part in built.items()} == {
        "cpu-amd64": ["linux/amd64"],
        "cpu-arm64": ["linux/arm64"],
        "gpu-amd64": ["linux/amd64"],
        "gpu-arm64": ["linux/arm64"],
    }


def test_what_is_pushed_is_attested_compressed_with_zstd_and_of_a_fixed_time(
    release: ModuleType, one: Any
) -> None:
    for part in release.bake_file(one, BASES, {})["target"].values():
        assert part["attest"] == ["type=provenance,mode=max", "type=sbom"]
        (output,) = part["output"]
        assert {"push=true", "compression=zstd", "rewrite-timestamp=true"} <= {*output.split(",")}


def test_labels_say_where_an_image_comes_from(release: ModuleType, one: Any) -> None:
    labels = release.bake_file(one, BASES, {})["target"]["gpu-amd64"]["labels"]
    assert labels == {
        f"{OCI}.title": "workload",
        f"{OCI}.licenses": "MIT",
        f"{OCI}.version": "1.2.3",
        f"{OCI}.revision": one.revision,
        f"{OCI}.created": "2025-06-15T15:06:40+00:00",
        f"{OCI}.source": "https://example.com/me/workload",
        f"{OCI}.base.name": "nvidia/cuda:13",
        f"{OCI}.base.digest": "sha256:" + "2" * 64,
    }


def test_what_was_measured_in_a_part_labels_that_part_alone(release: ModuleType, one: Any) -> None:
    measured = {"gpu-arm64": {"workload.arch-list": "sm_90"}}
    built = release.bake_file(one, BASES, measured)["target"]
    having = [name for name, part in built.items() if "workload.arch-list" in part["labels"]]
    assert having == ["gpu-arm64"]


def test_every_label_is_an_annotation_of_manifest_and_index(release: ModuleType, one: Any) -> None:
    said = release.labels(one, BASES["cpu"])
    part = release.bake_file(one, BASES, {})["target"]["cpu-amd64"]
    command = release.index_command(one, "cpu", BASES["cpu"])
    for key, value in said.items():
        assert f"manifest:{key}={value}" in part["annotations"]
        assert f"index:{key}={value}" in command


def test_an_index_joins_the_architectures(release: ModuleType, one: Any) -> None:
    command = release.index_command(one, "cpu", BASES["cpu"])
    assert command[-2:] == [
        "example.com/me/workload:1.2.3-cpu-amd64",
        "example.com/me/workload:1.2.3-cpu-arm64",
    ]


def test_a_devel_image_is_named_after_the_one_it_extends(release: ModuleType, one: Any) -> None:
    plain, devel = release.tags(one, "cpu"), release.tags(one, "cpu-devel")
    assert devel == [f"{tag}-devel" for tag in plain]


def test_labels_are_measured_in_each_part(release: ModuleType, one: Any) -> None:
    built = release.facts_file(one, ["cpu"], Path("/facts"))["target"]
    assert {part["target"] for part in built.values()} == {"facts"}
    assert built["cpu-arm64"]["output"] == ["type=local,dest=/facts/cpu-arm64"]
