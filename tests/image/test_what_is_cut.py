"""The image is cut as docker/cuts.toml says, and the table says what that saves."""

import json
from typing import Any

import pytest
from support.containers import Containers
from support.cut_table import cuts_of, sizes

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


@pytest.fixture
def is_listed_machine(containers: Containers) -> bool:
    """Whether the image is of the machine that list and table were made on; see steps/cut.py."""
    return containers.run("uname", "-m").stdout.strip() == "x86_64"


def test_each_cut_of_the_list_was_made_or_waits(
    written: dict[str, dict[str, Any]], target: str, is_listed_machine: bool
) -> None:
    listed = {cut.id: not cut.wait_for_gpu for cut in cuts_of(target)}
    applied = {name: entry["applied"] for name, entry in written.items()}
    assert applied.items() <= listed.items()
    assert applied == listed or not is_listed_machine


def test_the_table_says_what_each_cut_saves(
    written: dict[str, dict[str, Any]], target: str, is_listed_machine: bool
) -> None:
    """To a tenth: the wheels of another Python differ a little, another machine's by more."""
    saved = {name: one["bytes_before"] - one["bytes_after"] for name, one in written.items()}
    said = {name: sizes()[target][name] for name in saved}
    tolerance = 0.1 if is_listed_machine else 1.0
    assert saved == pytest.approx(said, rel=tolerance), "run: python docker/cut_sizes.py"


def test_what_must_stay_is_there(containers: Containers, target: str) -> None:
    names = KEPT + (KEPT_ON_GPU if target == "gpu" else ())
    listing = f"cd /opt/venv/lib/python3*/site-packages && ls {' '.join(names)}"
    ended = containers.run("sh", "-c", listing)
    assert (ended.code, len(ended.stdout.split())) == (0, len(names)), ended.stderr
