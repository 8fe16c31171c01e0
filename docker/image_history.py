"""What the Dockerfile added to its base, by an image's history."""

import json
import subprocess

FIRST_STEP = "/apt-install python3"


def history(image: str) -> list[tuple[str, int]]:
    """Return what made each layer, and its bytes, base first."""
    form = ["--no-trunc", "--human=false", "--format", "{{json .}}"]  # a step may have many lines
    command = ["docker", "history", *form, image]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    layers = [json.loads(line) for line in reversed(lines)]
    return [(layer["CreatedBy"], int(layer["Size"])) for layer in layers]


def added(layers: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """All layers but the base's, base first; none where none tells that the base ends there."""
    ours = [i for i, (made_by, _) in enumerate(layers) if FIRST_STEP in made_by]
    return layers[ours[0] :] if ours else []


def added_bytes(layers: list[tuple[str, int]]) -> int | None:
    """Sum the bytes of all layers above the base; None if no layer marks where the base ends."""
    ours = added(layers)
    return sum(count for _, count in ours) if ours else None
