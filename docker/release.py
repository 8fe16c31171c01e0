"""What a release is: its targets, tags, labels and the bake file that builds it. Pure.

Each architecture is a bake target of its own, for labels that are measured in it differ (the
GPU's arch list); an index over both carries the tags that people use.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERSION = re.compile(r"(\d+\.\d+)\.\d+")
OUTPUT = (
    "type=image,push=true,oci-mediatypes=true,compression=zstd,force-compression=true,"
    "rewrite-timestamp=true"
)
ATTESTATIONS = ["type=provenance,mode=max", "type=sbom"]
OCI = "org.opencontainers.image"


@dataclass(frozen=True)
class Release:
    """One version of all images. `repository` has the registry in front, `source` is an address.

    `created_sec`: of the commit, in seconds since 1970, as SOURCE_DATE_EPOCH.
    """

    repository: str
    version: str
    revision: str
    created_sec: int
    source: str
    platforms: tuple[str, ...]


def targets(bake_file: str) -> list[str]:
    """The targets to publish: all in the bake file but the test variants and what they share."""
    names = re.findall(r'^target "([a-z][a-z-]*)"', bake_file, re.MULTILINE)
    return [name for name in names if not name.endswith("-test")]


def kept_tag(release: Release, target: str) -> str:
    """The tag that never moves, such as example.com/me/workload:1.2.3-cpu."""
    return f"{release.repository}:{release.version}-{target}"


def part_tag(release: Release, target: str, platform: str) -> str:
    """The tag of one architecture, such as example.com/me/workload:1.2.3-cpu-amd64."""
    return f"{kept_tag(release, target)}-{platform.rpartition('/')[2]}"


def tags(release: Release, target: str) -> list[str]:
    """What an index is called: by its version, its series and its commit.

    Raises ValueError for a version that is not of the form 1.2.3.
    """
    matched = VERSION.fullmatch(release.version)
    if not matched:
        raise ValueError(f"VERSION={release.version} is not of the form 1.2.3")
    names = [release.version, matched[1], f"sha-{release.revision[:12]}"]
    return [f"{release.repository}:{name}-{target}" for name in names]


def labels(release: Release, base: str) -> dict[str, str]:
    """What is said of an image in its labels and annotations; `base` is a name with a digest.

    Raises ValueError for a base without one.
    """
    name, _, digest = base.partition("@")
    if not digest:
        raise ValueError(f"the base {base} has no digest: what is built on it cannot be repeated")
    return {
        f"{OCI}.version": release.version,
        f"{OCI}.revision": release.revision,
        f"{OCI}.created": datetime.fromtimestamp(release.created_sec, UTC).isoformat(),
        f"{OCI}.source": release.source,
        f"{OCI}.licenses": "MIT",
        f"{OCI}.title": "workload",
        f"{OCI}.base.name": name,
        f"{OCI}.base.digest": digest,
    }


def parts(release: Release, targets: Iterable[str]) -> list[tuple[str, str, str]]:
    """Name, target and platform of everything that is built."""
    return [
        (f"{target}-{platform.rpartition('/')[2]}", target, platform)
        for target in targets
        for platform in release.platforms
    ]


def facts_file(release: Release, targets: Iterable[str], folder: Path) -> dict[str, Any]:
    """The bake file that measures each part's labels into FOLDER/NAME/labels.json."""
    return grouped(
        {
            name: {
                "inherits": [target],
                "platforms": [platform],
                "target": "facts",
                "output": [f"type=local,dest={folder / name}"],
            }
            for name, target, platform in parts(release, targets)
        }
    )


def bake_file(
    release: Release, bases: dict[str, str], measured: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """The bake file that pushes a release. `bases`: of each target; `measured`: of each part."""
    built = {}
    for name, target, platform in parts(release, bases):
        said = labels(release, bases[target])
        built[name] = {
            "inherits": [target],
            "platforms": [platform],
            "tags": [part_tag(release, target, platform)],
            "labels": measured.get(name, {}) | said,
            "annotations": [f"manifest:{key}={value}" for key, value in said.items()],
            "output": [OUTPUT],
            "attest": ATTESTATIONS,
        }
    return grouped(built)


def grouped(built: dict[str, Any]) -> dict[str, Any]:
    """A bake file of targets that are built together, as its group "release"."""
    return {"group": {"release": {"targets": list(built)}}, "target": built}


def index_command(release: Release, target: str, base: str) -> list[str]:
    """The command that makes the index of a target over its architectures, under all its tags."""
    named = [word for tag in tags(release, target) for word in ("--tag", tag)]
    said = [
        word
        for key, value in labels(release, base).items()
        for word in ("--annotation", f"index:{key}={value}")
    ]
    sources = [part_tag(release, target, platform) for platform in release.platforms]
    return ["docker", "buildx", "imagetools", "create", *named, *said, *sources]
