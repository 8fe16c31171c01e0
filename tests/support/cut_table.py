"""The table of docker/README.md about cuts, from docker/cuts.toml and docker/cut-sizes.json."""

import json
import sys
from pathlib import Path

DOCKER = Path(__file__).parents[2] / "docker"
sys.path.append(str(DOCKER))

from cuts import Cut, of, read  # noqa: E402  in a folder of scripts, which is no package

HEAD = ("cut", "package", "CPU, MB", "GPU, MB", "what and why", "state")
KINDS = {
    "delete": "",
    "strip-debug": "debug information: ",
    "strip-symbols": "symbols: ",
}


def sizes() -> dict[str, dict[str, int]]:
    """The bytes that each cut saves, by target and id."""
    return dict(json.loads((DOCKER / "cut-sizes.json").read_text(encoding="utf-8")))


def cuts_of(target: str) -> tuple[Cut, ...]:
    """The cuts of a target."""
    return of(target, read())


def rows() -> list[tuple[str, ...]]:
    """One row a cut, in the order of the list, and the sums of what is cut and of what waits."""
    listed = read()
    sums = [
        summed(f"all {len(some)} {words}", some)
        for words, some in (
            ("that are made", [cut for cut in listed if not cut.wait_for_gpu]),
            ("that wait", [cut for cut in listed if cut.wait_for_gpu]),
        )
    ]
    return [row(cut) for cut in listed] + sums


def row(cut: Cut) -> tuple[str, ...]:
    """A row of the table."""
    cells = [megabytes([cut], target) for target in ("cpu", "gpu")]
    words = KINDS[cut.kind] + cut.reason
    return (f"`{cut.id}`", cut.package, *cells, words, state(cut))


def state(cut: Cut) -> str:
    """Whether a cut is made, and where its files are still to be had."""
    if cut.wait_for_gpu:
        return "waits for a GPU"
    return "made; kept for -devel" if cut.devel == "keeps" else "made"


def summed(name: str, some: list[Cut]) -> tuple[str, ...]:
    """The row of a sum."""
    return (name, "", megabytes(some, "cpu"), megabytes(some, "gpu"), "", "")


def megabytes(some: list[Cut], target: str) -> str:
    """What cuts save in a target's image; nothing for a target that has none of them."""
    found = [sizes()[target][cut.id] for cut in some if target in cut.targets]
    return f"{sum(found) / 1e6:.1f}" if found else ""
