"""What is not as it must be outside /opt/venv, by dpkg's lists. Pure; each names paths or packages.

Looked at for files of nobody are the places that a command or Python takes code from: what a step
writes elsewhere in /usr or /etc is the base's matter.
"""

import os
import re

from image_contents import Contents, through
from image_packages import DPKG_STATUS

PYTHON = "usr/bin/python3"
WATCHED = re.compile(r"usr/(bin|sbin|local|lib/python3[^/]*)(/.*)?")
COMPILED = re.compile(r"usr/lib/python3[^/]*/(.*/)?__pycache__/[^/]+\.pyc")  # when installed
# Of no package in any image of a distribution: Debian's base-files makes the link, Docker's and
# Ubuntu's images add the others.
OF_BASES = re.compile(
    r"usr/local/man -> share/man|usr/sbin/(policy-rc\.d|initctl)|usr/bin/man"
    r"|usr/local/sbin/unminimize"
)
# Bases leave these out; dpkg's lists still have them.
LEFT_OUT = re.compile(r"usr/share/(doc|info|locale|man|lintian|bug|linda)/")
LINKS_MAX = 40  # in a row, as Linux has it


def of_nobody(contents: Contents) -> list[str]:
    """Files and links, where code is taken from, that no package and no alternative is."""
    owned = {path for paths in contents.listed.values() for path in paths} | {*contents.packaged}
    watched = [path for path in (*contents.md5, *contents.links) if WATCHED.fullmatch(path)]
    return [
        path
        for path in watched
        if path not in owned
        and not COMPILED.fullmatch(path)
        and not OF_BASES.fullmatch(described(contents, path))
        and not is_alternative(contents, path, owned)
    ]


def described(contents: Contents, path: str) -> str:
    """A path, with what it leads to if it is a link."""
    return f"{path} -> {contents.links[path]}" if path in contents.links else path


def is_alternative(contents: Contents, path: str, owned: set[str]) -> bool:
    """Whether a link goes by /etc/alternatives to something of a package: awk to mawk."""
    by = contents.links.get(path, "").removeprefix("/")
    to = contents.links.get(by, "").removeprefix("/")
    return by.startswith("etc/alternatives/") and through(contents.merged, to) in owned


def python_of_nobody(contents: Contents) -> list[str]:
    """The system's Python, if it does not lead to a file of which dpkg has the digest."""
    path = PYTHON
    for _ in range(LINKS_MAX):
        if path not in contents.links:
            break
        to = os.path.join("/usr/bin", contents.links[path]).removeprefix("/")
        path = through(contents.merged, to)
    known = re.fullmatch(rf"{PYTHON}\.\d+", path) and path in contents.packaged
    return [] if known and path in contents.md5 else [PYTHON]


def without_digests(contents: Contents) -> list[str]:
    """Packages with files of which dpkg has no digests, and dpkg's own list if there is none."""
    if not contents.installed:
        return [DPKG_STATUS]
    installed = [
        next((name for name in names if name in contents.listed), names[0])
        for names in contents.installed
    ]
    return sorted(
        package
        for package in {*installed, *contents.listed} - contents.summed
        if package not in contents.listed or has_files(contents, contents.listed[package])
    )


def has_files(contents: Contents, paths: list[str]) -> bool:
    """Whether one is a file that would have a digest: settings in /etc have none."""
    return any(
        path in contents.md5 and not path.startswith("etc/") and not LEFT_OUT.match(path)
        for path in paths
    )
