"""Find the places of a proof's findings: records, the changelog, the cuts, the faults to fix."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.gpu_proof.plan import ROOT
from tools.gpu_proof.proof import FAILED, NOT_APPLICABLE, NOT_RUN, OUT_OF_TIME, SLOW, WRONG
from tools.gpu_proof.reading import CUT_OFF, STAND_IN, Reading, at, clean, items, number

HEADING = "### Not yet seen on a GPU"
# What a line of the changelog's list is about, by its words, and the steps that show it.
SHOWN_BY = (
    ("make gpu-run", ("run-gpu", "tests-gpu")),
    ("choosing CUDA", ("run-gpu", "run-cpu", "tests-gpu")),
    ("on CUDA", ("modes", "determinism")),
    ("recorded on a GPU", ("sweep",)),
    ("peaks", ("run-gpu",)),
    ("make gpu-bench", ("benchmarks-gpu", "benchmarks-cpu")),
    ("tolerances", ("run-gpu", "tests-gpu")),
    ("check of the doctor", ("doctor",)),
    ("cuts", ("cuts",)),
)
FAULTS = (FAILED, WRONG, OUT_OF_TIME, CUT_OFF)
BAD_CASES = ("wrong", "invalid")
WORKS = "works"


@dataclass(frozen=True)
class Record:
    """A document of the proof, and its place in a checkout; `problem`: why it has none."""

    name: str
    path: Path | None
    problem: str | None = None


def records(reading: Reading) -> list[Record]:
    """Return the records of the proof with their places."""
    return [_record(reading, name, document) for name, document in reading.documents.items()]


def _record(reading: Reading, name: str, document: Any) -> Record:
    step = name.removesuffix(".json")
    device = _device(document)
    if STAND_IN in str(device).upper():
        return Record(name, None, f"of a simulated GPU, {clean(device)}")
    if weak := _too_weak(reading):
        return Record(name, None, weak)
    if step.startswith("run-"):  # it says itself how the run ended
        return Record(name, Path("results") / f"{step}-{_slug(reading.gpu)}.json")
    if not reading.passed(step):
        return Record(name, None, f"{step} did not pass")
    if name == "sweep.json":
        return _sweep(document)
    return Record(name, Path("tests/benchmarks/records") / f"{step[11:]}-{_slug(device)}.json")


def _device(document: Any) -> Any:
    """Return the name of the device that a record is of."""
    benchmarks = at(document, "machine_info", "workload", "device", "name")
    recorded = at(document, "device")  # an object in a record, a name in a sweep
    return benchmarks or at(recorded, "name") or recorded


def _sweep(document: Any) -> Record:
    rates = at(document, "gflops")
    rates = rates if isinstance(rates, list) else []
    lacking = sum(not readings for readings in rates)
    problem = f"{lacking} of {len(rates)} shapes have no reading" if lacking or not rates else None
    return Record(
        "sweep.json", None if problem else Path("tests/sweeps/cuda-bfloat16.json"), problem
    )


def _slug(name: Any) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")[:60] or "unknown"


def seen(reading: Reading, changelog: str) -> Iterator[tuple[str, str]]:
    """Yield the lines that the changelog calls not yet seen, each with a verdict."""
    _, _, rest = changelog.partition(HEADING)
    listed = rest.partition("\n#")[0]
    for line in re.findall(r"^- (.+)$", listed, re.MULTILINE):
        names = [name for words, steps in SHOWN_BY if words in line for name in steps]
        if not names:
            yield line, "not part of the proof"
            continue
        failed = [name for name in dict.fromkeys(names) if not reading.passed(name)]
        weak = _too_weak(reading) or (f"{', '.join(failed)} did not pass" if failed else None)
        yield line, f"open: {weak}" if weak else "seen"


def _too_weak(reading: Reading) -> str | None:
    """Return why nothing of this proof counts."""
    return reading.no_proof or ("a smoke test" if at(reading.began, "smoke") else None)


def cuts(reading: Reading, listed: Path = ROOT / "docker/prune.toml") -> Iterator[tuple[str, str]]:
    """Yield the cuts that were tried, and whether each still has to wait."""
    entries = tomllib.loads(listed.read_text())["prune"]
    locked = {f"{e['kind']} {e['package']} {e['patterns'][0]}": e.get("locked") for e in entries}
    for cut in items(reading.result("cuts"), "cuts"):
        name, state = str(at(cut, "entry")), clean(at(cut, "state"))
        if state != WORKS:
            yield clean(name), f"waits: {state}"
        elif weak := _too_weak(reading):
            yield clean(name), f"waits: {weak}"
        elif at(cut, "files") not in (own := locked.get(name) or {}).values():
            yield clean(name), "waits: it works, but these are not the locked files"
        else:
            here = next(machine for machine, files in own.items() if files == at(cut, "files"))
            yield clean(name), f"remove its `wait_for_gpu` and `locked` for {here}"


def faults(reading: Reading) -> Iterator[str]:
    """Yield what is to be fixed, in one line each."""
    for step in reading.steps.values():
        if step.state in FAULTS:
            yield f"{step.name}: {step.state}: {'; '.join(step.said) or 'no output'}"
        if step.left_out:
            yield f"{step.name}: {step.left_out}"
    for finding in items(reading.result("doctor"), "findings"):
        if at(finding, "state") in ("fail", "warn"):
            yield f"doctor: {clean(at(finding, 'id'))}: {clean(at(finding, 'found'))}"
    for name, document in reading.documents.items():
        yield from (f"{name}: {fault}" for fault in _faults_in(document))
    distinct = reading.result("determinism", "distinct")
    for name, count in distinct.items() if isinstance(distinct, dict) else ():
        if number(count) != 1:
            yield f"determinism: {clean(name)}: {clean(count)} results"
    for case, share in peaks(reading):
        if share > 1 and reading.gpu:
            yield f"peaks.toml: {case} reached {share:.0%} of its peak"


def _faults_in(document: Any) -> Iterator[str]:
    """Yield the cases and comparisons of a record that are no good."""
    for case in items(document, "cases"):
        if at(case, "status") in BAD_CASES:
            yield f"{clean(at(case, 'name'))}: {clean(at(case, 'reason'))}"
    for check in items(document, "verify"):
        if at(check, "ok") is False:
            yield f"verify: {clean(at(check, 'name'))} {clean(at(check, 'dtype'))}"


def slow(reading: Reading) -> Iterator[str]:
    """Yield what was too slow."""
    for step in reading.steps.values():
        if step.state == SLOW:
            yield from (f"{step.name}: {line}" for line in step.said)


def not_run(reading: Reading) -> Iterator[str]:
    """Yield the steps that did not run, with the reason."""
    for step in reading.steps.values():
        if step.state in (NOT_RUN, NOT_APPLICABLE):
            yield f"{step.name}: {step.state}: {'; '.join(step.said)}"


def peaks(reading: Reading) -> Iterator[tuple[str, float]]:
    """Yield the GPU's cases of the run that have a share of the datasheet's peak."""
    for case in items(reading.documents.get("run-gpu.json"), "cases"):
        share = number(at(case, "rating", "peak_share"))
        if share is not None and at(case, "status") == "ok":
            yield clean(at(case, "name")), share
