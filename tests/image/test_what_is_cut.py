"""The image is cut as docker/cuts.toml says, and the table says what that saves."""

import json
from typing import Any

import pytest
from cut_table import cuts_of, sizes
from tracked import Containers

SHOW = "cat /opt/venv/share/workload/cuts-*.json"
# What might be taken for a leftover.
KEPT = (
    "torch/bin/torch_shm_manager",
    "torch-*.dist-info/licenses/LICENSE",
    "sympy/testing/runtests.py",
)
KEPT_ON_GPU = ("triton/backends/amd/compiler.py", "triton/backends/nvidia/bin/ptxas")


@pytest.fixture
def written(containers: Containers) -> dict[str, dict[str, Any]]:
    """What the image says was cut of it, by id; its lists come one after the other."""
    text, decoder = containers.run("sh", "-c", SHOW).stdout.strip(), json.JSONDecoder()
    found = []
    while text:
        entries, end = decoder.raw_decode(text)
        found += entries
        text = text[end:].lstrip()
    return {entry["id"]: entry for entry in found}


def test_each_cut_of_the_list_was_made_or_waits(
    written: dict[str, dict[str, Any]], target: str
) -> None:
    listed = {cut.id: not cut.wait_for_gpu for cut in cuts_of(target)}
    assert {name: entry["applied"] for name, entry in written.items()} == listed


def test_the_table_says_what_each_cut_saves(
    written: dict[str, dict[str, Any]], target: str
) -> None:
    """To a tenth: the wheels of another Python or processor differ a little."""
    saved = {name: one["bytes_before"] - one["bytes_after"] for name, one in written.items()}
    assert saved == pytest.approx(sizes()[target], rel=0.1), "run: python docker/cut_sizes.py"


def test_what_must_stay_is_there(containers: Containers, target: str) -> None:
    names = KEPT + (KEPT_ON_GPU if target == "gpu" else ())
    listing = f"cd /opt/venv/lib/python3*/site-packages && ls {' '.join(names)}"
    ended = containers.run("sh", "-c", listing)
    assert (ended.code, len(ended.stdout.split())) == (0, len(names)), ended.stderr
