"""The list of cuts: what the images leave out of the locked packages, see cuts.toml."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TARGETS = ("cpu", "gpu")
KINDS = ("delete", "strip-debug", "strip-symbols")
DEVEL = ("lacks", "keeps")
LIST = Path(__file__).with_name("cuts.toml")


@dataclass(frozen=True)
class Cut:
    """One entry of the list. `paths` are patterns of paths relative to site-packages."""

    id: str
    targets: tuple[str, ...]
    package: str
    kind: str
    paths: tuple[str, ...]
    reason: str
    devel: str = "lacks"
    wait_for_gpu: bool = False

    def matches(self, path: str) -> bool:
        """Whether a path, relative to site-packages as a RECORD has it, is in this cut."""
        return any(pattern(words).fullmatch(path) for words in self.paths)


@cache
def pattern(words: str) -> re.Pattern[str]:
    """`*` stands for all but a slash, `**` for slashes too."""
    parts = re.split(r"(\*\*|\*)", words)
    return re.compile("".join({"*": "[^/]*", "**": ".*"}.get(p) or re.escape(p) for p in parts))


def read(path: Path = LIST) -> tuple[Cut, ...]:
    """Read the list; raises ValueError that names the entry that cannot be."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["cut"]
    cuts = tuple(cut(entry) for entry in entries)
    if len({one.id for one in cuts}) < len(cuts):
        raise ValueError("two cuts have one id")
    return cuts


def cut(entry: dict[str, Any]) -> Cut:
    """One entry; raises ValueError."""
    known = {name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()}
    try:
        made = Cut(**known)
    except TypeError as error:
        raise ValueError(f"cut {entry.get('id')}: {error}") from None
    if not made.targets or not set(made.targets) <= set(TARGETS):
        raise ValueError(f"cut {made.id}: targets are among {', '.join(TARGETS)}")
    if not isinstance(made.wait_for_gpu, bool):
        raise ValueError(f"cut {made.id}: wait_for_gpu is true or false")
    if made.kind not in KINDS or made.devel not in DEVEL or not made.paths:
        raise ValueError(f"cut {made.id}: kind, devel or paths cannot be")
    if made.devel == "keeps" and made.kind != "delete":
        raise ValueError(f"cut {made.id}: only what is deleted can be kept for -devel")
    return made


def of(image: str, cuts: Iterable[Cut]) -> tuple[Cut, ...]:
    """The cuts of an image, also those that wait for a GPU; -devel ones have back what is kept.

    Raises ValueError for another name.
    """
    target, _, devel = image.partition("-")
    if target not in TARGETS:
        raise ValueError(f"{image} is no image of this project")
    return tuple(
        cut for cut in cuts if target in cut.targets and not (devel and cut.devel == "keeps")
    )
