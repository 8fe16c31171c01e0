#!/usr/bin/env python3
"""Publish a version of all images; `make publish` runs both steps.

build: build each image for this machine's platform and push it by digest, without a tag.
index: create an index of each image for PLATFORMS (default: this machine's), with the version's
tags.

Variables: REGISTRY, with a path, such as ghcr.io/me; VERSION; SOURCE, the web address of the code
(default: the git remote's); DRY_RUN=1 only prints what would be done. Digests are written to
results/published/REVISION/, and the digests of the indexes to results/published.json.
Exit 1: a build or a push failed. Exit 2: a variable is wrong, a change is uncommitted, a platform
was not pushed, or the version is already published.
Exit 4: this machine cannot publish.
"""

import argparse
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ["-f", "docker/release/publish.hcl"]
RESULT = ROOT / "results/published.json"
# HOST[:PORT]/PATH, as Docker accepts it in the name of a repository.
REGISTRY = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")
NEW_BUILDER = "docker buildx create --use --driver docker-container"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# The exit codes that all scripts share.
CODES = dict(
    re.findall(r"^(\w+)=(\d+)$", (ROOT / "docker/host/exit-codes").read_text(), re.MULTILINE)
)
FAILED, BAD_INPUT, UNFIT = 1, int(CODES["bad_input"]), int(CODES["unfit"])
HERE = f"linux/{ARCHITECTURES.get(platform.machine(), platform.machine())}"


@dataclass(frozen=True)
class Release:
    """A version of all images. `repository` includes the registry."""

    repository: str
    revision: str
    platforms: list[str]
    dry_run: bool

    def metadata(self, target: str, where: str) -> Path:
        """Return the file to which bake writes the digest of the image pushed for a platform."""
        return Path(f"results/published/{self.revision}/{target}-{where.replace('/', '-')}.json")

    def pushed(self, target: str, where: str) -> str:
        """Return the reference of a pushed image by digest; refuse one that was not pushed."""
        path = self.metadata(target, where)
        if (ROOT / path).exists():
            digest = json.loads((ROOT / path).read_text())[target]["containerimage.digest"]
        elif self.dry_run:
            digest = f"DIGEST-OF-{path.stem}"
        else:
            refuse(BAD_INPUT, f"no {path}: run docker/release/publish.py build on {where} first")
        return f"{self.repository}@{digest}"


def refuse(code: int, message: str) -> NoReturn:
    """Exit with one line on stderr."""
    line = "".join(mark if mark.isprintable() else " " for mark in message)
    print(f"publish: {line}", file=sys.stderr)
    raise SystemExit(code)


def ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command and capture its output."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def git(*arguments: str) -> str:
    """Return git's output; empty outside a checkout."""
    return ask("git", *arguments).stdout.strip()


def last_line(output: str) -> str:
    """Return the last line of a command's output, which contains the error."""
    return output.strip().rpartition("\n")[2]


def read_source() -> str:
    """Return the web address of the code, without credentials."""
    remote = os.environ.get("SOURCE") or git("remote", "get-url", "origin")
    found = re.fullmatch(r"(?:https?://|ssh://|)(?:[^@/]+@)?([\w.-]+)[:/](.+?)(?:\.git)?/?", remote)
    if not found:
        refuse(
            BAD_INPUT,
            "set SOURCE to the code's web address, such as https://github.com/me/workload",
        )
    return f"https://{found[1]}/{found[2]}"


def read_release() -> Release:
    """Return the release that the variables and the checkout describe; set bake's variables."""
    registry, version = os.environ.get("REGISTRY", ""), os.environ.get("VERSION", "")
    if not registry or not version:
        refuse(BAD_INPUT, "usage: make publish REGISTRY=ghcr.io/me VERSION=1.2.3")
    if "/" not in registry:
        refuse(BAD_INPUT, f"REGISTRY={registry} has no path: add one, such as {registry}/me")
    if not REGISTRY.fullmatch(registry):
        refuse(BAD_INPUT, f"REGISTRY={registry} must have the form ghcr.io/me, in lower case")
    package = (ROOT / "workload/__init__.py").read_text()
    (ours,) = re.findall(r'^__version__ = "(.+)"', package, re.MULTILINE)
    if version != ours:
        refuse(
            BAD_INPUT, f"VERSION={version}, but workload/__init__.py has {ours}: make them equal"
        )
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        refuse(BAD_INPUT, f"VERSION={version} must have the form 1.2.3")
    asked = ask("git", "rev-parse", "HEAD")
    revision = asked.stdout.strip()
    if asked.returncode or not revision:
        reason = " ".join(asked.stderr.split()) or "this is not a git checkout"
        refuse(UNFIT, f"{reason}: the labels need a commit")
    os.environ |= {
        "REPOSITORY": f"{registry}/workload",
        "REVISION": revision,
        "SOURCE": read_source(),
        "SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct"),
    }
    platforms = (os.environ.get("PLATFORMS") or HERE).split(",")
    dry_run = os.environ.get("DRY_RUN") == "1"
    return Release(f"{registry}/workload", revision, platforms, dry_run)


def read_plan() -> dict[str, Any]:
    """Return each image's target as bake resolves it; refuse a base without a digest."""
    files = ["-f", "docker/docker-bake.hcl", *RECIPE]
    printed = ask("docker", "buildx", "bake", *files, "--print", "published")
    if printed.returncode:
        refuse(UNFIT, f"docker buildx bake --print failed: {last_line(printed.stderr)}")
    plan: dict[str, Any] = json.loads(printed.stdout)["target"]
    for base in (target["args"]["BASE"] for target in plan.values()):
        if "@sha256:" not in base:
            refuse(BAD_INPUT, f"the base {base} has no digest: pin it as NAME:TAG@sha256:…")
    return plan


def check_checkout() -> None:
    """Refuse uncommitted changes, because the labels name the commit."""
    if changed := git("status", "--porcelain"):
        refuse(
            BAD_INPUT,
            f"uncommitted changes ({changed.splitlines()[0].strip()}, …): commit them first",
        )


def check_builder() -> None:
    """Refuse a builder that drops attestations or is native to another platform."""
    shown = ask("docker", "buildx", "inspect", "--bootstrap")
    driver = re.search(r"^Driver: +(\S+)", shown.stdout, re.MULTILINE)
    native = re.search(r"^Platforms: +([^\s,*]+)", shown.stdout, re.MULTILINE)
    if not driver or not native:
        refuse(UNFIT, f"docker buildx has no running builder: {last_line(shown.stderr)}")
    if driver[1] == "docker":
        refuse(
            UNFIT,
            f"the builder's driver is docker, which pushes no attestations: run {NEW_BUILDER}",
        )
    if native[1] != HERE:
        refuse(
            UNFIT,
            f"the builder's platform is {native[1]}, this machine's is {HERE}: "
            "choose a native builder",
        )


def check_new(tag: str) -> None:
    """Refuse a version that is published, or any version if the registry does not answer."""
    shown = ask("docker", "buildx", "imagetools", "inspect", tag)
    if shown.returncode == 0:
        refuse(BAD_INPUT, f"{tag} is published already, and is never replaced: raise VERSION")
    if "not found" not in shown.stderr:
        refuse(UNFIT, f"cannot tell whether {tag} is published: {last_line(shown.stderr)}")


def run(release: Release, command: list[str], failure: str) -> None:
    """Run a command, or print it in a dry run.

    The command's output goes to stderr, because stdout is for the result.
    """
    if release.dry_run:
        print(shlex.join(command))
    elif subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode:
        refuse(FAILED, failure)


def build(release: Release, targets: Iterable[str]) -> None:
    """Build each image, with labels for the versions found in it, and push it without a tag."""
    for target in targets:
        options = ["--set=*.tags=", f"--metadata-file={release.metadata(target, HERE)}"]
        failure = f"{target} was not pushed (see above); no tag was created for the version"
        run(release, ["docker/build", target, *RECIPE, *options], failure)


def index(release: Release, plan: dict[str, Any]) -> None:
    """Create an index of the pushed images of each target, with its tags; save the digests."""
    for target, planned in plan.items():
        command = ["docker", "buildx", "imagetools", "create"]
        command += [f"--tag={tag}" for tag in planned["tags"]]
        command += [f"--annotation=index:{key}={text}" for key, text in planned["labels"].items()]
        command += [release.pushed(target, where) for where in release.platforms]
        run(release, command, f"the index of {target} was not created (see above): raise VERSION")
    if not release.dry_run:
        digests = {target: read_index(planned["tags"][0]) for target, planned in plan.items()}
        RESULT.write_text(json.dumps(digests, indent=2) + "\n")
        print(RESULT.read_text(), end="")


def read_index(tag: str) -> dict[str, str]:
    """Return the tag of an index, its digest, and its reference with the digest."""
    shown = ask("docker", "buildx", "imagetools", "inspect", tag)
    found = re.search(r"^Digest: +(sha256:\S+)", shown.stdout, re.MULTILINE)
    if not found:
        refuse(FAILED, f"cannot read the digest of {tag}: {last_line(shown.stderr)}")
    return {"tag": tag, "digest": found[1], "image": f"{tag.rpartition(':')[0]}@{found[1]}"}


def check(release: Release, plan: dict[str, Any], step: str | None) -> None:
    """Check all preconditions before any image is built or any index is created."""
    check_checkout()
    if step != "index":
        check_builder()
    joined = [] if step == "build" else release.platforms
    for target, planned in plan.items():
        check_new(planned["tags"][0])
        for where in joined:
            if step == "index" or where != HERE:
                release.pushed(target, where)
    (ROOT / release.metadata("", HERE)).parent.mkdir(parents=True, exist_ok=True)


def main() -> None:
    """Check the release, then run the chosen steps."""
    parser = argparse.ArgumentParser(description="Publish a version of all images.")
    parser.add_argument("step", nargs="?", choices=("build", "index"), help="default: both")
    step = parser.parse_args().step
    release = read_release()
    plan = read_plan()
    if release.dry_run:
        print(json.dumps(plan, indent=2))
    else:
        check(release, plan, step)
    if step != "index":
        build(release, plan)
    if step != "build":
        index(release, plan)


if __name__ == "__main__":
    main()
