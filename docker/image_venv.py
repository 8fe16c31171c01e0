"""What is not as it must be in /opt/venv. Pure; each names paths or distributions."""

import re
from collections import Counter

from image_contents import PYVENV, VENV, Contents
from image_cuts import WRITTEN

# The venv's own, which belongs to no package.
OWN = re.compile(rf"{re.escape(PYVENV)}|opt/venv/.*/__pycache__/[^/]+\.pyc|{WRITTEN.pattern}")
OWN_LINK = re.compile(
    r"opt/venv/lib64 -> lib|opt/venv/bin/python[\d.]* -> (/usr/bin/)?python[\d.]*"
)
SITE = re.compile(r"opt/venv/lib/python([\d.]+)/site-packages")
DIST_INFO = re.compile(r"(opt/venv/.*\.(dist|egg)-info)(/.*)?")
# As Debian's and Ubuntu's Python writes it; before 3.11 without the last two.
PYVENV_TEXT = re.compile(
    r"home = /usr/bin\n"
    r"include-system-site-packages = false\n"
    r"version = 3\.\d+\.\d+\n"
    r"(executable = /usr/bin/python3\.\d+\n"
    r"command = /usr/bin/python3 -m venv /opt/venv\n)?"
)


def python(contents: Contents) -> str | None:
    """The version, "3.11", of the Python that most distributions are for; None without any."""
    found = Counter(m[1] for m in map(SITE.match, contents.distributions) if m)
    return found.most_common(1)[0][0] if found else None


def of_nobody(contents: Contents) -> list[str]:
    """Files and links of no distribution, and hard links over the venv's border."""
    files = [path for path in contents.sha256 if path not in contents.recorded]
    links = [
        path
        for path, to in contents.links.items()
        if path.startswith(VENV) and not OWN_LINK.fullmatch(f"{path} -> {to}")
    ]
    return [*(path for path in files if not OWN.fullmatch(path)), *links, *contents.crossing]


def without_digests(contents: Contents) -> list[str]:
    """Files that a RECORD names and does not vouch for; it cannot hold its own digest."""
    silent = [path for path, promised in contents.recorded.items() if not promised]
    return [path for path in silent if not path.endswith(".dist-info/RECORD")]


def changed(contents: Contents) -> list[str]:
    """pyvenv.cfg, if it is not what makes Python take its library from /usr and nothing else."""
    right = [PYVENV_TEXT.fullmatch(text) for text in contents.pyvenv]
    return [] if any(right) else [PYVENV]


def odd_distributions(contents: Contents) -> list[str]:
    """Distributions that are there twice, and information on them where it does not belong."""
    twice = [name for name, n in Counter(contents.distributions.values()).items() if n > 1]
    inside = {*contents.sha256, *contents.links}
    site = f"opt/venv/lib/python{python(contents)}/site-packages/"
    folders = {m[1] for m in map(DIST_INFO.fullmatch, inside) if m}
    astray = [folder for folder in folders if not folder.startswith(site)]
    own = [folder for folder in folders - {*astray} if "/" not in folder.removeprefix(site)]
    bare = [folder for folder in own if f"{folder}/METADATA" not in inside]
    return sorted({*twice, *astray, *bare})
