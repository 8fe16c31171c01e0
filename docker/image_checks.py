"""What must hold for an image that somebody pulled. Each check is pure and names what does not."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cuts import Cut
from image_contents import Contents
from image_cuts import WRITTEN, Account
from image_history import added_bytes

OCI = "org.opencontainers.image"
LABELS = tuple(f"{OCI}.{name}" for name in ("title", "description", "licenses", "revision"))
MEASURED = (f"{OCI}.version", "workload.python", "workload.torch")
MEASURED_ON_GPU = ("workload.cuda", "workload.cudnn", "workload.nccl", "workload.arch-list")
# What a publication adds, see release.py: all of it or none.
PUBLISHED = tuple(f"{OCI}.{name}" for name in ("created", "source", "base.digest"))
DEVEL = "workload.devel"  # on images with a toolchain
# Bases leave these out; dpkg's lists still have them.
LEFT_OUT = re.compile(r"usr/share/(doc|info|locale|man|lintian|bug|linda)/")
# The venv's own, which belongs to no package.
VENV_OWN = re.compile(rf"opt/venv/pyvenv\.cfg|opt/venv/.*/__pycache__/[^/]+\.pyc|{WRITTEN.pattern}")
VENV_LINK = re.compile(
    r"opt/venv/lib64 -> lib|opt/venv/bin/python[\d.]* -> (/usr/bin/)?python[\d.]*"
)
COMPILER = re.compile(r"usr/bin/[^/]*g\+\+[^/]*")  # the file: g++ itself is a link to it
NAMED_MAX = 5  # what a line names; the rest is counted


@dataclass(frozen=True)
class Finding:
    """A check's name, whether it holds (None: it does not apply) and why."""

    check: str
    holds: bool | None
    words: str


def recipe(attributes: dict[str, Any], target: str) -> str:
    """The bake target that an image of `target`, cpu or gpu, says it was built by."""
    having: dict[str, str] = attributes["Config"]["Labels"] or {}
    return f"{target}-devel" if having.get(DEVEL) == "true" else target


def named(items: list[str]) -> str:
    """The first of the items, and how many there are more."""
    rest = len(items) - NAMED_MAX
    return ", ".join(items[:NAMED_MAX]) + (f" and {rest} more" if rest > 0 else "")


def digest(attributes: dict[str, Any], image: str) -> Finding:
    """The digest by which a registry knows the image, and the one that was asked for."""
    known = [name.partition("@")[2] for name in attributes["RepoDigests"]]
    asked = image.partition("@")[2]
    if asked and asked not in known:
        return Finding("digest", False, f"{asked} was asked for, this is {named(known)}")
    if not known:
        return Finding("digest", None, "it was never in a registry")
    return Finding("digest", True, named(sorted(set(known))))


def labels(attributes: dict[str, Any], target: str, contents: Contents) -> Finding:
    """The labels that every image has, and that they say what is inside."""
    having: dict[str, str] = attributes["Config"]["Labels"] or {}
    wanted = [*LABELS, *MEASURED, *(MEASURED_ON_GPU if target == "gpu" else ()), f"{OCI}.base.name"]
    if any(name in having for name in PUBLISHED):
        wanted += PUBLISHED
    if missing := [name for name in wanted if not having.get(name)]:
        return Finding("labels", False, f"missing: {named(missing)}")
    inside = {
        f"{OCI}.version": contents.versions.get("workload"),
        "workload.torch": contents.versions.get("torch"),
    }
    wrong = [
        f"{name} is {having[name]}, inside is {version}"
        for name, version in inside.items()
        if version is None or having[name].partition("+")[0] != version.partition("+")[0]
    ]
    compiler = next(filter(COMPILER.fullmatch, contents.md5), "no compiler")
    if (having.get(DEVEL) == "true") != (compiler != "no compiler"):
        wrong.append(f"{DEVEL} is {having.get(DEVEL)}, inside is {compiler}")
    return Finding("labels", not wrong, named(wrong) or f"all {len(wanted)} are there")


def packages(contents: Contents, unlike: list[str]) -> Finding:
    """Python packages are those of the lock; `unlike` says which are not."""
    return Finding("packages", not unlike, named(unlike) or f"{len(contents.versions)} as locked")


def files(contents: Contents, cuts: Iterable[Cut] = ()) -> Finding:
    """Files are what their packages say, Python's RECORDs and dpkg's lists, less the cuts."""
    account = Account(cuts, contents.cuts)
    unlike = {
        path: (promised, contents.sha256[path])
        for path, promised in contents.recorded.items()
        if promised and contents.sha256.get(path, promised) != promised
    }
    changed = [path for path, digests in unlike.items() if not account.changed(path, *digests)]
    stripped = len(unlike) - len(changed)
    changed += [
        path
        for path, promised in contents.packaged.items()
        if contents.md5.get(path, promised) != promised
    ]
    missing = [path for path in contents.recorded if path not in contents.sha256]
    gone = [path for path in missing if path in contents.links or not account.gone(path)]
    left_out = len(missing) - len(gone)
    gone += [
        path for path in contents.packaged if path not in contents.md5 and not LEFT_OUT.match(path)
    ]
    strange = [
        path
        for path in contents.sha256
        if path not in contents.recorded and not VENV_OWN.fullmatch(path)
    ]
    strange += [
        path for path, to in contents.links.items() if not VENV_LINK.fullmatch(f"{path} -> {to}")
    ]
    faults = [
        f"{words}: {named(sorted(paths))}"
        for words, paths in (("changed", changed), ("gone", gone), ("of no package", strange))
        if paths
    ]
    count = len(contents.recorded) + len(contents.packaged) - left_out - stripped
    words = f"{count} as their packages say"
    if left_out or stripped:
        words += f"; as cuts.toml says {left_out} are left out and {stripped} stripped"
    return Finding("files", not faults, "; ".join(faults) or words)


def size(layers: list[tuple[str, int]], budget_bytes: int) -> Finding:
    """What the Dockerfile added to its base is within the budget.

    `layers`: what made each and its bytes, base first.
    """
    added = added_bytes(layers)
    if added is None:
        return Finding("size", False, "its history does not show where its base ends")
    words = f"{added / 1e6:.0f} MB without the base, allowed are {budget_bytes / 1e6:.0f} MB"
    return Finding("size", added <= budget_bytes, words)
