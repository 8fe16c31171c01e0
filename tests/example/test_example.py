"""A project built FROM the image adds little, needs no privilege, and exits with the right code."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.containers import NOTHING_ALLOWED, Containers
from support.outcome import Outcome

from docker import DockerClient

SMALL_BYTES = 2_000_000
OUTPUT = r"""device  cpu: .+ \(auto: .+\)
train   200 steps, loss \d\.\d\d to 0\.\d{5}, \d+% right
step    [\d.]+ (µs|ms); .+
"""


@pytest.fixture
def example(containers: Containers) -> Callable[..., Outcome]:
    """Run it under an arbitrary uid, with nothing but a /tmp."""

    def run(*command: str) -> Outcome:
        return containers.run(*command, **NOTHING_ALLOWED)

    return run


def layers(client: DockerClient, image: str) -> list[str]:
    """The layers of an image, by the digests of their contents."""
    return list(client.images.get(image).attrs["RootFS"]["Layers"])


def test_the_bases_layers_come_first(client: DockerClient, image: str, base: str) -> None:
    below, all_ = layers(client, base), layers(client, image)
    assert all_[: len(below)] == below
    assert len(all_) == len(below) + 2  # the package, the script


def test_it_adds_its_package_and_its_script_alone(
    client: DockerClient, image: str, base: str
) -> None:
    added = client.images.get(image).attrs["Size"] - client.images.get(base).attrs["Size"]
    assert 0 < added < SMALL_BYTES


def test_it_trains_without_any_privilege(example: Callable[..., Outcome]) -> None:
    ended = example()
    assert ended.code == 0, ended.stderr
    assert re.fullmatch(OUTPUT, ended.stdout), ended.stdout


def test_its_readme_shows_such_an_output() -> None:
    readme = Path(__file__).parents[2] / "docker/example/README.md"
    shown = readme.read_text(encoding="utf-8").split("```\n")
    assert [block for block in shown if re.fullmatch(OUTPUT, block)]


def test_a_device_that_is_not_there_ends_it_with_the_code_of_its_kind(
    example: Callable[..., Outcome],
) -> None:
    ended = example("python", "/opt/example/train.py", "cuda")
    assert ended.code == 4
    assert ended.stderr.startswith(
        "train.py: device cuda is not usable: this torch is the CPU build"
    )


def test_nothing_of_it_may_be_changed_by_who_runs_it(containers: Containers) -> None:
    ended = containers.run("find", "/opt", "-writable", "-not", "-type", "l", user="12345:0")
    assert (ended.code, ended.stdout) == (0, "")


def test_it_is_not_root(client: DockerClient, image: str) -> None:
    assert client.images.get(image).attrs["Config"]["User"] == "10001:0"
