"""Read the files of a proof without trust in their content: they may be torn or malformed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.gpu_proof.archive import RECORDS
from tools.gpu_proof.folder import EVENTS, LOG
from tools.gpu_proof.proof import PASSED

from workload.core.files import parse_json
from workload.core.units import printable

CUT_OFF = "cut off"  # a step without an end: the proof was killed
MAX_TEXT = 200
MAX_LIST = 50
STAND_IN = "STAND-IN"  # a simulated device is named so


@dataclass
class StepRead:
    """One step as the events have it."""

    name: str
    state: str = CUT_OFF
    seconds: float | None = None
    said: tuple[str, ...] = ()
    result: Any = None
    left_out: str | None = None  # a record that could not be kept


@dataclass
class Reading:
    """A proof."""

    began: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, StepRead] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    finished: bool = False
    unreadable: list[str] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)

    def passed(self, *names: str) -> bool:
        """Return whether all these steps passed."""
        return all(name in self.steps and self.steps[name].state == PASSED for name in names)

    def result(self, step: str, *keys: str) -> Any:
        """Return a part of a step's result, or None."""
        return at(self.steps[step].result, *keys) if step in self.steps else None

    @property
    def gpu(self) -> str | None:
        """Return the GPU's name, if the proof ran on one."""
        name = self.result("facts", "gpu", "name")
        return clean(name) if isinstance(name, str) and at(self.began, "device") == "cuda" else None

    @property
    def no_proof(self) -> str | None:
        """Return why this shows nothing about a GPU; None if it does."""
        if at(self.began, "device") != "cuda":
            return "a rehearsal on the CPU"
        if self.gpu is None:
            return "no GPU was usable"
        return f"a simulated GPU, {self.gpu}" if STAND_IN in self.gpu.upper() else None


def at(document: Any, *keys: str) -> Any:
    """Return a member of nested objects; None where there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def items(document: Any, *keys: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list within nested objects."""
    found = at(document, *keys)
    yield from (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def texts(document: Any, *keys: str) -> tuple[str, ...]:
    """Return the first elements of a list within nested objects, as lines."""
    found = at(document, *keys)
    return tuple(map(clean, found[:MAX_LIST])) if isinstance(found, list) else ()


def number(value: Any) -> float | None:
    """Return a number as one."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if good else None


def clean(value: Any) -> str:
    """Return a value as one line that neither Markdown nor a terminal takes for more than text."""
    text = printable(" ".join(str(value).split()))
    short = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
    return "".join(f"\\{mark}" if mark in "\\`|<>[]*_#" else mark for mark in short)


def read(files: Mapping[str, bytes]) -> Reading:
    """Read all files; what cannot be read is named in `unreadable`."""
    reading = Reading()
    torn = 0
    for line in files[EVENTS].splitlines():
        try:
            event = parse_json(line.decode())
        except (ValueError, RecursionError):
            torn += bool(line.strip())
            continue
        _add_event(reading, event)
    if torn:
        reading.unreadable.append(f"{torn} of the lines of {EVENTS}")
    _add_last_words(reading, files.get(LOG, b"").decode(errors="replace"))
    for name in RECORDS:
        if name in files:
            try:
                reading.documents[name] = parse_json(files[name].decode())
            except (ValueError, RecursionError):
                reading.unreadable.append(name)
    return reading


def _add_last_words(reading: Reading, log: str) -> None:
    """Let a step that was cut off say the last line of its output."""
    for step in reading.steps.values():
        if step.state == CUT_OFF:
            _, _, output = log.rpartition(f"==== {step.name}: ")
            step.said = tuple(map(clean, output.strip().splitlines()[1:][-1:]))


def _add_event(reading: Reading, event: Any) -> None:
    kind, name = at(event, "event"), clean(at(event, "step"))
    if kind == "began":
        reading.began = event
    elif kind == "started":
        reading.steps[name] = StepRead(name)
    elif kind == "ended":
        state, seconds = clean(at(event, "state")), number(at(event, "sec"))
        result = at(event, "result")
        left_out = clean(at(event, "left_out")) if at(event, "left_out") else None
        said = texts(event, "said")
        reading.steps[name] = StepRead(name, state, seconds, said, result, left_out)
    elif kind == "lacking":
        reading.lacking = texts(event, "packages")
    elif kind == "finished":
        reading.finished = True
