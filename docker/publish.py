#!/usr/bin/env python3
"""Build, attest and push every image of a release; `make publish` calls it.

Variables: REGISTRY (with a path, such as ghcr.io/me) and VERSION must be set; SOURCE, where the
code lives, unless the git remote tells; PLATFORMS; DRY_RUN=1 prints the plan and does nothing.
Exit 1: a build or a push failed. Exit 2: a variable does not make sense, or the version is there
already. Exit 4: this machine cannot publish. The digests land in results/published.json.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import release as plans
from release import Release

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "docker/docker-bake.hcl"
PUBLISHED = ROOT / "results/published.json"
BUILDER = "docker buildx create --use --driver docker-container"


def refuse(code: int, words: str) -> NoReturn:
    """End with one line on stderr."""
    print(f"publish: {words}", file=sys.stderr)
    raise SystemExit(code)


def asked(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def bake(*arguments: str, **variables: str) -> str:
    """Run bake; what it writes to stdout. Its progress goes to stderr."""
    command = ["docker", "buildx", "bake", "-f", str(RECIPE), *arguments]
    said = os.environ | variables
    done = subprocess.run(command, cwd=ROOT, env=said, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        refuse(1, "bake failed, see above; no version's tag was made")
    return done.stdout.decode()


def git(*arguments: str) -> str:
    """What git says, without the newline; empty outside a checkout."""
    return asked("git", *arguments).stdout.strip()


def source() -> str:
    """Where the code lives: SOURCE, else the remote as a web address, without credentials."""
    remote = os.environ.get("SOURCE") or git("remote", "get-url", "origin")
    found = re.fullmatch(r"(?:https?://|ssh://|)(?:[^@/]+@)?([\w.-]+)[:/](.+?)(?:\.git)?/?", remote)
    if not found:
        refuse(2, "SOURCE= must say where the code lives, such as https://github.com/me/workload")
    host, path = found.groups()
    return f"https://{host}/{path}"


def read_release() -> Release:
    """The release that the variables and the checkout describe."""
    registry, version = os.environ.get("REGISTRY", ""), os.environ.get("VERSION", "")
    if not registry or not version:
        refuse(2, "usage: make publish REGISTRY=ghcr.io/me VERSION=1.2.3")
    ours = asked(
        sys.executable, "-c", "import workload; print(workload.__version__)"
    ).stdout.strip()
    revision = git("rev-parse", "HEAD")
    if not revision:
        refuse(4, "this is no git checkout: there is no commit to name")
    if version != ours:
        refuse(2, f"VERSION={version}, but workload/__init__.py has {ours}: make them equal")
    platforms = os.environ.get("PLATFORMS") or "linux/amd64,linux/arm64"
    return Release(
        repository=f"{registry}/workload",
        version=version,
        revision=revision,
        created_sec=int(git("log", "-1", "--format=%ct")),
        source=source(),
        platforms=tuple(platforms.split(",")),
    )


def bases(targets: list[str]) -> dict[str, str]:
    """The base image of each target, as bake resolves it."""
    plan = json.loads(bake("--print", *targets))
    return {target: plan["target"][target]["args"]["BASE"] for target in targets}


def check_checkout() -> None:
    """What is published is what the commit has."""
    if changed := git("status", "--porcelain"):
        refuse(2, f"there are changes that no commit has ({changed.splitlines()[0].strip()}, …)")


def check_builder() -> None:
    """The engine's own builder drops attestations and falls back to gzip without a word."""
    found = re.search(r"^Driver:\s+(\S+)", asked("docker", "buildx", "inspect").stdout, re.M)
    if not found:
        refuse(4, "docker buildx does not answer: install docker-buildx-plugin, start the engine")
    if found[1] == "docker":
        refuse(4, f"the builder's driver is docker, which pushes no attestations: {BUILDER}")


def check_new(release: Release, targets: list[str]) -> None:
    """No tag of a version ever moves; a registry that does not answer is no sign of a new one."""
    for target in targets:
        tag = plans.kept_tag(release, target)
        looked = asked("docker", "buildx", "imagetools", "inspect", tag)
        if looked.returncode == 0:
            refuse(2, f"{tag} is published already, and a version never moves: raise VERSION")
        if "not found" not in looked.stderr:
            last = looked.stderr.strip().rpartition("\n")[2]
            refuse(4, f"whether {tag} is published already cannot be told: {last}")


def measured(release: Release, targets: list[str], folder: Path) -> dict[str, dict[str, str]]:
    """The labels measured in each part, by its name."""
    plan = folder / "facts.json"
    plan.write_text(json.dumps(plans.facts_file(release, targets, folder)))
    bake("-f", str(plan), "--set", "*.tags=", "release")
    found = {}
    for name, _, _ in plans.parts(release, targets):
        (document,) = json.loads((folder / name / "labels.json").read_text())["target"].values()
        found[name] = document["labels"]
    return found


def push(release: Release, based: dict[str, str], folder: Path) -> None:
    """Build, attest and push every part."""
    plan = folder / "release.json"
    facts = measured(release, list(based), folder)
    plan.write_text(json.dumps(plans.bake_file(release, based, facts)))
    epoch = str(release.created_sec)
    bake("-f", str(plan), "release", SOURCE_DATE_EPOCH=epoch, REVISION=release.revision)


def index(release: Release, target: str, base: str) -> dict[str, str]:
    """Make the index of a target; its tag, its digest, and its name by that digest."""
    command = plans.index_command(release, target, base)
    tag = plans.kept_tag(release, target)
    made = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    looked = asked("docker", "buildx", "imagetools", "inspect", tag)
    digest = re.search(r"^Digest:\s+(sha256:\S+)", looked.stdout, re.M)
    if made.returncode or not digest:
        refuse(1, f"the index {tag} was not made; its parts are pushed: raise VERSION to try again")
    return {"tag": tag, "digest": digest[1], "image": f"{release.repository}@{digest[1]}"}


def show(release: Release, based: dict[str, str]) -> None:
    """Print what bake would build and which commands would follow."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as plan:
        json.dump(plans.bake_file(release, based, {}), plan)
        plan.flush()
        print(bake("-f", plan.name, "--print", "release", REVISION=release.revision))
    for target, base in based.items():
        print(shlex.join(plans.index_command(release, target, base)))


def main() -> None:
    """Check everything that can be checked before anything is built."""
    release = read_release()
    targets = plans.targets(RECIPE.read_text())
    based = bases(targets)
    try:
        plans.bake_file(release, based, {})
        plans.tags(release, targets[0])
    except ValueError as wrong:
        refuse(2, str(wrong))
    if os.environ.get("DRY_RUN") == "1":
        return show(release, based)
    check_checkout()
    check_builder()
    check_new(release, targets)
    with tempfile.TemporaryDirectory() as folder:
        push(release, based, Path(folder))
    digests = {target: index(release, target, base) for target, base in based.items()}
    PUBLISHED.parent.mkdir(exist_ok=True)
    PUBLISHED.write_text(json.dumps(digests, indent=2) + "\n")
    print(PUBLISHED.read_text(), end="")


if __name__ == "__main__":
    main()
