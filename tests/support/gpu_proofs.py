"""Proofs of a GPU as `make gpu-proof-read` reads them, made up."""

import json
from pathlib import Path
from typing import Any

from tools.gpu_proof.folder import EVENTS
from tools.gpu_proof.reading import Reading
from tools.gpu_proof.reading import read as read_files

GPU = {"usable": True, "name": "NVIDIA H200"}
CUT = "delete nvidia-cusolver nvidia/cu13/lib/libcusolverMg.so*"
LOCKED = {
    "nvidia/cu13/lib/libcusolverMg.so.12": "sha256=RuwIdDr9ECMgdRBacx8jq5SZjm0GtzmRRO31WgyCfZE"
}
Event = dict[str, Any]


def step(name: str, state: str = "passed", said: str = "", **fields: Any) -> list[Event]:
    ended = {"event": "ended", "step": name, "state": state, "said": [said], "sec": 1.5, **fields}
    return [{"event": "started", "step": name}, ended]


def reading(
    *events: Event,
    gpu: Any = GPU,
    device: str = "cuda",
    smoke: bool = False,
    facts: Any = None,
    **documents: Any,
) -> Reading:
    found = {"gpu": gpu, "packages": {"torch": "2.11.0"}, **(facts or {})}
    first = {"event": "began", "at": "2026", "device": device, "smoke": smoke, "revision": "abc"}
    lines = [first, *step("facts", result=found), *events]
    files = {EVENTS: "\n".join(map(json.dumps, lines)).encode()}
    files |= {
        f"{name}.json".replace("_", "-"): json.dumps(d).encode() for name, d in documents.items()
    }
    return read_files(files)


def events(folder: Path, kind: str = "ended") -> list[dict[str, Any]]:
    """The events of a proof of this kind, in their order."""
    found = [json.loads(line) for line in (folder / EVENTS).read_text().splitlines()]
    return [event for event in found if event["event"] == kind]
