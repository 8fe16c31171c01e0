"""What must hold for an image that somebody pulled. Each check is pure and names what does not."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import image_system as system
import image_venv as venv
from cuts import Cut
from image_contents import Contents
from image_cuts import Account
from image_history import added_bytes
from printable import printable

OCI = "org.opencontainers.image"
LABELS = tuple(f"{OCI}.{name}" for name in ("title", "description", "licenses", "revision"))
MEASURED = (f"{OCI}.version", "workload.python", "workload.torch")
MEASURED_ON_GPU = ("workload.cuda", "workload.cudnn", "workload.nccl", "workload.arch-list")
# What a publication adds, see release.py: all of it or none.
PUBLISHED = tuple(f"{OCI}.{name}" for name in ("created", "source", "base.digest"))
DEVEL = "workload.devel"  # on images with a toolchain
COMPILER = re.compile(r"usr/bin/[^/]*g\+\+[^/]*")  # the file: g++ itself is a link to it
# What makes every program, or every Python, take code from elsewhere: as the Dockerfile has it.
LOADING = re.compile(r"(LD_|PYTHON).*")
SET = {"PYTHONUNBUFFERED": "1", "LD_LIBRARY_PATH": "/usr/local/nvidia/lib64"}
NAMED_MAX = 5  # what a line names; the rest is counted


@dataclass(frozen=True)
class Finding:
    """A check's name, whether it holds (None: it does not apply) and why."""

    check: str
    holds: bool | None
    words: str


def config(attributes: dict[str, Any]) -> dict[str, Any]:
    """What the image sets for its containers; nothing where it says nothing."""
    return attributes.get("Config") or {}


def labels_of(attributes: dict[str, Any]) -> dict[str, str]:
    """The image's labels."""
    return config(attributes).get("Labels") or {}


def variables(attributes: dict[str, Any]) -> dict[str, str]:
    """The environment of its containers; an entry without a value has none."""
    entries = [entry.partition("=") for entry in config(attributes).get("Env") or []]
    return {name: value for name, _, value in entries}


def recipe(attributes: dict[str, Any], target: str) -> str:
    """The bake target that an image of `target`, cpu or gpu, says it was built by."""
    return f"{target}-devel" if labels_of(attributes).get(DEVEL) == "true" else target


def named(items: list[str]) -> str:
    """The first of the items, in plain text, and how many there are more."""
    rest = len(items) - NAMED_MAX
    return ", ".join(map(printable, items[:NAMED_MAX])) + (f" and {rest} more" if rest > 0 else "")


def digest(attributes: dict[str, Any], image: str) -> Finding:
    """The digest by which a registry knows the image, and the one that was asked for."""
    known = [name.partition("@")[2] for name in attributes.get("RepoDigests") or []]
    asked = image.partition("@")[2]
    if asked and asked not in known:
        return Finding("digest", False, f"{asked} was asked for, this is {named(known)}")
    if not known:
        return Finding("digest", None, "it was never in a registry")
    return Finding("digest", True, named(sorted(set(known))))


def labels(attributes: dict[str, Any], target: str, contents: Contents) -> Finding:
    """The labels that every image has, and that they say what is inside."""
    having = labels_of(attributes)
    wanted = [*LABELS, *MEASURED, *(MEASURED_ON_GPU if target == "gpu" else ()), f"{OCI}.base.name"]
    if any(name in having for name in PUBLISHED):
        wanted += PUBLISHED
    if missing := [name for name in wanted if not having.get(name)]:
        return Finding("labels", False, f"missing: {named(missing)}")
    inside = {
        f"{OCI}.version": (having[f"{OCI}.version"], contents.versions.get("workload")),
        "workload.torch": (having["workload.torch"], torch_inside(having, contents)),
        "workload.python": (minor(having["workload.python"]), venv.python(contents)),
    }
    wrong = [
        f"{name} is {having[name]}, inside is {version}"
        for name, (said, version) in inside.items()
        if said != version
    ]
    compiler = next(filter(COMPILER.fullmatch, contents.md5), "no compiler")
    if (having.get(DEVEL) == "true") != (compiler != "no compiler"):
        wrong.append(f"{DEVEL} is {having.get(DEVEL)}, inside is {compiler}")
    return Finding("labels", not wrong, named(wrong) or f"all {len(wanted)} are there")


def torch_inside(having: dict[str, str], contents: Contents) -> str | None:
    """What torch calls itself: PyPI's wheel for CUDA 13.0 adds +cu130 to its METADATA's version."""
    version, cuda = contents.versions.get("torch"), having.get("workload.cuda", "")
    if not version or "+" in version or not cuda:
        return version
    return f"{version}+cu{cuda.replace('.', '')}"


def minor(version: str) -> str:
    """3.11 of 3.11.2."""
    return version.rpartition(".")[0]


def settings(attributes: dict[str, Any]) -> Finding:
    """Nothing is put before what a person runs, over the files or in the way of loading."""
    having, setting = variables(attributes), config(attributes)
    loading = {name: value for name, value in having.items() if LOADING.fullmatch(name)}
    wrong = [f"{name}={value}" for name, value in loading.items() if SET.get(name) != value]
    if not having.get("PATH", "").startswith("/opt/venv/bin:"):
        wrong.append(f"PATH={having.get('PATH')}")
    if setting.get("Entrypoint"):
        wrong.append(f"an entrypoint {' '.join(setting['Entrypoint'])}")
    wrong += [f"a volume {path}" for path in setting.get("Volumes") or {}]
    return Finding("settings", not wrong, named(wrong) or "as the Dockerfile's")


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
    changed += venv.changed(contents)
    missing = [path for path in contents.recorded if path not in contents.sha256]
    gone = [path for path in missing if path in contents.links or not account.gone(path)]
    left_out = len(missing) - len(gone)
    gone += [
        path
        for path in contents.packaged
        if path not in contents.md5 and not system.LEFT_OUT.match(path)
    ]
    strange = {
        *venv.of_nobody(contents),
        *system.of_nobody(contents),
        *system.python_of_nobody(contents),
    }
    kinds: dict[str, Iterable[str]] = {
        "unreadable": contents.unreadable,
        "changed": changed,
        "gone": gone,
        "without a digest": venv.without_digests(contents),
        "of no package": strange,
        "no right distribution": venv.odd_distributions(contents),
        "without digests of dpkg": system.without_digests(contents),
    }
    faults = [f"{words}: {named(sorted(paths))}" for words, paths in kinds.items() if paths]
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
