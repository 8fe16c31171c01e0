"""The Markdown page of a proof."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tools.gpu_proof import places
from tools.gpu_proof.plan import ROOT
from tools.gpu_proof.reading import Reading, at, clean, number, texts

LOCKS = ROOT / "docker/locks"
# A locked package, and the Python for which it is; see docker/locks/relock.py.
LOCKED = re.compile(
    r"^([a-z0-9-]+)={2,3}(\S+)(?:.*\bpython_full_version (<|>=) '([0-9.]+)')?", re.MULTILINE
)
# Versions that are shown even if they are as locked.
MAIN = ("torch", "triton", "nvidia-cublas", "nvidia-cudnn-cu13", "nvidia-nccl-cu13", "msgspec")
MAX_PEAKS = 12
MAX_VERSION = 20  # characters; a proof may hold anything


def page(reading: Reading, changelog: str) -> str:
    """Return the page."""
    parts = [
        f"# GPU proof: {_title(reading)}",
        _verdict(reading),
        _table(("step", "state", "seconds", "said"), _steps(reading)),
        "## Faults to fix",
        _list(places.faults(reading)),
        "## Slow",
        _list(places.slow(reading)),
        "## Not run",
        _list(places.not_run(reading)),
        "## Records to commit",
        _table(("record", "place"), _records(reading)),
        "## The changelog's “not yet seen”",
        _table(("line", "verdict"), ((clean(a), b) for a, b in places.seen(reading, changelog))),
        "## Cuts that wait for a GPU",
        _table(("cut", "verdict"), places.cuts(reading)),
        "## Shares of the datasheet's peaks",
        _table(("case", "of peak"), _peaks(reading)),
        "## Versions",
        _table(("what", "here", "locked"), _versions(reading)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(reading: Reading) -> str:
    torch = clean(at(reading.result("facts"), "torch", "version") or "unknown")
    return f"{reading.gpu or 'no GPU'}, torch {torch}"


def _verdict(reading: Reading) -> str:
    counts = Counter(step.state for step in reading.steps.values())
    lines = [f"**{', '.join(f'{count} {state}' for state, count in counts.most_common())}**"]
    if reading.no_proof:
        lines.append(f"This proves nothing about a GPU: {reading.no_proof}.")
    count = number(reading.result("facts", "gpu", "count"))
    if reading.gpu and count and count > 1:
        lines.append(f"It is about cuda:0, one of {count:.0f} GPUs.")
    if at(reading.began, "smoke"):
        lines.append("A smoke test: the least of every step.")
    if not reading.finished:
        lines.append("The proof was killed before its end.")
    if reading.lacking:
        lines.append(f"Not installed there: {', '.join(reading.lacking)}.")
    lines += [f"Not readable: {name}." for name in reading.unreadable]
    began = " ".join(clean(at(reading.began, key)) for key in ("at", "revision"))
    return "\n".join([*lines, f"Began {began}."])


def _steps(reading: Reading) -> Iterable[Sequence[str]]:
    for step in reading.steps.values():
        seconds = "-" if step.seconds is None else f"{step.seconds:.0f}"
        yield step.name, step.state, seconds, step.said[-1] if step.said else "-"


def _records(reading: Reading) -> Iterable[Sequence[str]]:
    for record in places.records(reading):
        yield record.name, str(record.path) if record.path else f"none: {record.problem}"


def _peaks(reading: Reading) -> Iterable[Sequence[str]]:
    found = sorted(places.peaks(reading), key=lambda pair: -pair[1])
    yield from ((case, f"{share:.0%}") for case, share in found[:MAX_PEAKS])


def _versions(reading: Reading) -> Iterable[Sequence[str]]:
    for name in ("python", "kernel", "cpu", "cpus", "image"):
        yield name, clean(at(reading.result("facts"), "machine", name)), "-"
    for line in texts(reading.result("facts"), "nvidia_smi"):
        yield "nvidia-smi", line, "-"
    here = at(reading.result("facts"), "packages")
    here = {k.lower(): v for k, v in here.items()} if isinstance(here, dict) else {}
    for name, version in _locked(reading).items():
        found = here.get(name)
        if (found != version and found is not None) or name in MAIN:
            yield name, clean(found), version


def _locked(reading: Reading) -> dict[str, str]:
    """Return the locked versions for the Python and the build of PyTorch that were there."""
    python = _numbers(str(at(reading.result("facts"), "machine", "python")))
    torch = str(at(reading.result("facts"), "torch", "version"))
    lock = LOCKS / f"{'cpu' if torch.endswith('+cpu') else 'gpu'}.txt"
    return {
        name: version
        for name, version, relation, limit in LOCKED.findall(lock.read_text())
        if not relation or (python < _numbers(limit)) == (relation == "<")
    }


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version[:MAX_VERSION])]


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "None."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(row) for row in rows]
    if not lines:
        return "None."
    return "\n".join(
        f"| {line} |" for line in (" | ".join(head), " | ".join("---" for _ in head), *lines)
    )
