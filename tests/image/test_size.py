"""The images stay within their size budget, and an edit changes small layers only."""

import json
from pathlib import Path

import pytest

from docker import DockerClient

RECIPE = Path(__file__).parents[2] / "docker"
BUDGET_BYTES = json.loads((RECIPE / "size-budget.json").read_text(encoding="utf-8"))
GOAL_BYTES = {  # the project's own; what a toolchain takes depends on the base
    "cpu": 620_000_000,
    "gpu": 4_360_000_000,
    "gpu-arm64": 4_300_000_000,
    "cpu-devel": 927_000_000,
    "gpu-devel": 4_670_000_000,
}
EDIT_BYTES = 3_200_000  # sources and compiled; a pull moves a third
FIRST_STEP = "/apt-install python3"  # above the base
HEAVY = ("/layers/cuda", "/layers/torch", "/layers/common", "/layers/bytecode")


@pytest.fixture
def layers(client: DockerClient, image: str) -> list[tuple[str, int]]:
    """The layers that the Dockerfile adds to its base, lowest first: the command, and the bytes.

    Read through the SDK, because the test image has no docker command.
    """
    history = [(entry["CreatedBy"], entry["Size"]) for entry in client.images.get(image).history()]
    history.reverse()
    first = next(i for i, (made_by, _) in enumerate(history) if FIRST_STEP in made_by)
    return history[first:]


def test_the_size_without_the_base_is_within_the_budget(
    layers: list[tuple[str, int]], recipe: str, client: DockerClient, image: str
) -> None:
    """On another architecture than amd64 the budget is its own, where it was measured."""
    own = f"{recipe}-{client.images.get(image).attrs['Architecture']}"
    assert sum(size for _, size in layers) <= BUDGET_BYTES.get(own, BUDGET_BYTES[recipe])


@pytest.mark.parametrize("name", GOAL_BYTES)
def test_the_budget_is_not_above_the_project_s_goal(name: str) -> None:
    assert BUDGET_BYTES[name] <= GOAL_BYTES[name]


def test_an_edit_of_the_package_changes_little(
    layers: list[tuple[str, int]],
) -> None:
    edited = next(i for i, (made_by, _) in enumerate(layers) if "/layers/app" in made_by)
    assert sum(size for _, size in layers[edited:]) <= EDIT_BYTES


def test_heavy_layers_come_before_the_package(layers: list[tuple[str, int]]) -> None:
    copies = [made_by for made_by, _ in layers if "/layers/" in made_by]
    assert [name for made_by in copies for name in HEAVY if name in made_by] == list(HEAVY)
    assert "/layers/app" in copies[-1]
