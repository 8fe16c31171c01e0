"""Try the cuts of docker/prune.toml that wait for a GPU, without touching an installed file.

A scratch tree has the packages as links; what a cut strips is a copy there, and what it deletes is
no longer linked. PyTorch from this tree then calls every library (exercise.py): with all cuts at
once, and only if that fails, with none and with halves of them, to find those that break it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2]))  # tools

from tools.gpu_proof.cut_tree import Cut, Tree, record_hash, waiting
from tools.gpu_proof.plan import STEP_SEC
from tools.gpu_proof.result import Result

from workload.core.errors import ExitCode, first_line
from workload.core.units import some

HERE = Path(__file__).parent
LISTED = HERE.parents[2] / "docker/prune.toml"
WORKS, FAILS, NOT_TRIED = "works", "fails", "not tried"
MIN_TRY_SEC = 2.0
NO_TIME = "no time was left"
NO_PARTS = ("import", "mapped")  # of what exercise.py prints

Parts = dict[str, str]


class NotTriedError(Exception):
    """A try could not be made, or did not end."""


def breaking_cuts(cuts: Sequence[Cut], works: Callable[[Sequence[Cut]], bool]) -> list[Cut]:
    """Return the cuts with which something stops working, by halves: a good half takes one try."""
    if not cuts or works(cuts):
        return []
    if len(cuts) == 1:
        return list(cuts)
    half = len(cuts) // 2
    found = breaking_cuts(cuts[:half], works) + breaking_cuts(cuts[half:], works)
    return found or list(cuts)  # only together


def printed_parts(output: bytes | None) -> Parts:
    """Return what an exercise has printed: JSON among what libraries print."""
    parts: Parts = {}
    for line in (output or b"").splitlines():
        with suppress(ValueError):
            parts |= json.loads(line)
    return parts


def failures(parts: Parts) -> Parts:
    """Return the parts that did not work, with their errors."""
    return {name: how for name, how in parts.items() if name not in NO_PARTS and how != "ok"}


class Trial:
    """Tries cuts until the time is up."""

    def __init__(self, tree: Tree, options: Sequence[str], ends_at: float) -> None:
        """Try in `tree`; `options` are those of exercise.py."""
        self._tree = tree
        self._options = options
        self._ends_at = ends_at
        self.excused: set[str] = set()  # what fails without any cut, too

    def works(self, cuts: Sequence[Cut]) -> bool:
        """Return whether the cuts break nothing."""
        return not set(failures(self.parts(cuts))) - self.excused

    def parts(self, cuts: Sequence[Cut]) -> Parts:
        """Cut, and return how every part of the exercise ended."""
        try:
            self._tree.cut(cuts)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotTriedError(first_line(error)) from error
        left_sec = self._ends_at - time.monotonic()
        if left_sec < MIN_TRY_SEC:
            raise NotTriedError(NO_TIME)
        command = [sys.executable, "-S", "-B", str(HERE / "exercise.py"), *self._options]
        site = self._tree.site.resolve()
        others = [entry for entry in sys.path if Path(entry).resolve() != site]
        path = ":".join([str(self._tree.path), *others[1:]])  # the first is this program's folder
        try:
            ended = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": path},
                capture_output=True,
                timeout=left_sec,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            hung = [name for name, how in printed_parts(error.stdout).items() if how == "started"]
            raise NotTriedError(f"{hung[0]} did not end" if hung else NO_TIME) from error
        if ended.returncode:
            errors = ended.stderr.decode(errors="replace").strip().splitlines() or [
                f"exit code {ended.returncode}"
            ]
            return {"start": errors[-1]}
        parts = printed_parts(ended.stdout)
        return parts | self._files_beside_the_tree(parts, cuts)

    def _files_beside_the_tree(self, parts: Parts, cuts: Sequence[Cut]) -> Parts:
        """Return a failure where the exercise used files beside the tree: it showed nothing."""
        if parts["import"] != str(self._tree.path):
            return {"tree": f"torch came from {parts['import']}"}
        # A symbolic link is mapped by the name of its target.
        replaced = [*self._tree.tops] if self._tree.hard else [p for cut in cuts for p in cut.files]
        begin = tuple(str(self._tree.site / path) for path in replaced)
        beside = [path for path in parts["mapped"].splitlines() if path.startswith(begin)]
        return {"tree": f"{beside[0]} is not of the tree"} if beside else {}


def try_cuts(trial: Trial, cuts: Sequence[Cut], result: Result) -> dict[str, str]:
    """Try all cuts at once; if that fails, find those that break it. Return entry -> state."""
    try:
        with_all = trial.parts(cuts)
        result.set("with_all_cuts", {k: v for k, v in with_all.items() if k not in NO_PARTS})
        if not failures(with_all):
            return {str(cut.entry): WORKS for cut in cuts}
        without = failures(trial.parts([]))
        result.set("without_cuts", without)
        trial.excused = set(without)
        breaking = breaking_cuts(cuts, trial.works)
    except NotTriedError as error:
        return {str(cut.entry): f"{NOT_TRIED}: {error}" for cut in cuts}
    # What does not work here at all shows nothing about a cut.
    rest = f"{NOT_TRIED}: without it, too, this fails: {some(without)}" if without else WORKS
    return {str(cut.entry): FAILS if cut in breaking else rest for cut in cuts}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    seconds = float(os.environ.get(STEP_SEC, "60"))
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--quick", action="store_true", help="one matmul alone")
    parser.add_argument("--result", type=Path, required=True)
    arguments = parser.parse_args()
    ends_at = time.monotonic() + arguments.seconds
    options = ["--device", arguments.device, *(["--quick"] if arguments.quick else [])]
    result = Result(arguments.result)
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        print("cuts: torch is not installed", file=sys.stderr)
        return ExitCode.UNFIT
    site = Path(spec.origin).parents[1]
    cuts = waiting(LISTED, site)
    states = {str(cut.entry): why_not_tried(cut) for cut in cuts}
    possible = [cut for cut in cuts if not states[str(cut.entry)]]
    if possible:
        with tempfile.TemporaryDirectory(dir=arguments.result.parent) as folder:
            tree = Tree(site, Path(folder), possible)
            result.set("links", "hard" if tree.hard else "symbolic")
            states |= try_cuts(Trial(tree, options, ends_at), possible, result)
    result.set("cuts", [described(cut, states[str(cut.entry)]) for cut in cuts])
    print(summary(list(states.values())))
    found = set(states.values())
    return ExitCode.OK if found <= {WORKS, FAILS} else ExitCode.UNFIT


def summary(states: Sequence[str]) -> str:
    """Return how many cuts work, do not, and were not tried for what reason."""
    counts = Counter(states)
    works, fails = counts.pop(WORKS, 0), counts.pop(FAILS, 0)
    others = (f", {count} {state}" for state, count in counts.items())
    return f"{works} of {len(states)} cuts work, {fails} do not{''.join(others)}"


def why_not_tried(cut: Cut) -> str:
    """Return why a cut cannot be tried here; empty if it can."""
    if not cut.files:
        return f"{NOT_TRIED}: this machine's packages have no such files"
    if cut.entry.kind != "delete" and shutil.which("strip") is None:
        return f"{NOT_TRIED}: strip is not installed (binutils)"
    return ""


def described(cut: Cut, state: str) -> dict[str, Any]:
    """Return what the reader of the proof needs to know of a cut."""
    hashes = {path: record_hash(file) for path, file in cut.files.items()}
    return {"entry": str(cut.entry), "state": state, "files": hashes}


if __name__ == "__main__":
    sys.exit(main())
