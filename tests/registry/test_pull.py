"""Push, prune, pull, run: what moves, and what registry and engine share."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from support.registry.local_registry import LocalRegistry
from support.registry.rebase import MARK, on_another_base
from support.registry.shipping import CPU, NO_BYTECODE, REPOSITORY, Move, Shipping

from docker import DockerClient
from workload import __version__ as VERSION  # noqa: N812

ROOT = Path(__file__).parents[2]
SMALL_BYTES = 1_500_000  # the package, compressed: 1.1 MB
BUILD_INPUTS = ("docker", "workload", "pyproject.toml", "LICENSE", "README.md")
GPU = "workload:gpu"
pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="session")
def edited(client: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The CPU image built again, after an edit in workload/."""
    checkout = tmp_path_factory.mktemp("edited")
    for name in BUILD_INPUTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, checkout / name, ignore=NO_BYTECODE)
        else:
            shutil.copy2(ROOT / name, checkout / name)
    with (checkout / "workload/core/units.py").open("a") as module:
        module.write(f"# {MARK}\n")
    tag = f"workload-edited:{MARK}"
    settings = [f"cpu.context={checkout}", f"cpu.tags={tag}", "cpu.output=type=docker"]
    options = [word for setting in settings for word in ("--set", setting)]
    command = ["docker", "buildx", "bake", "-f", "docker/docker-bake.hcl", "cpu", *options]
    built = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert built.returncode == 0, built.stderr
    yield tag
    client.images.remove(tag)


@pytest.fixture(scope="session")
def again(shipping: Shipping, registry: LocalRegistry, first: Move, edited: str) -> Move:
    """The edited image on the base of the first, pulled where the first is."""
    assert first
    shipping.push(edited, "2-cpu", "push after an edit in workload/")
    on_another_base(registry, REPOSITORY, "2-cpu", "2-cpu-fresh")
    return shipping.pull("2-cpu-fresh", "pull after an edit in workload/")


def diff_ids(client: DockerClient, image: str) -> dict[str, int]:
    """The digests of an image's uncompressed layers with their bytes, base first."""
    found = client.images.get(image)
    made = [step["Size"] for step in reversed(found.history()) if makes_a_layer(step)]
    return dict(zip(found.attrs["RootFS"]["Layers"], made, strict=True))


def layer_of(client: DockerClient, image: str, step: str) -> str:
    """The digest of the layer that a step made."""
    history = reversed(client.images.get(image).history())
    steps = [one["CreatedBy"] for one in history if makes_a_layer(one)]
    (number,) = [i for i, made_by in enumerate(steps) if step in made_by]
    return list(diff_ids(client, image))[number]


def makes_a_layer(step: dict[str, Any]) -> bool:
    """Whether a line of the history stands for a layer, which may be empty, or for a setting."""
    size: int = step["Size"]
    made_by: str = step["CreatedBy"]
    return size > 0 or made_by.startswith(("RUN ", "COPY ", "WORKDIR "))


def chained(one: Iterable[str], other: Iterable[str]) -> list[str]:
    """What two images share where a layer is known by all that lies below it."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return [layer for layer, _ in pairs]


def test_the_pulled_image_is_the_pushed_one(shipping: Shipping, pushed: Move) -> None:
    pulled = shipping.pull("1-cpu", "pull where an image has all the layers")
    assert (pulled.digest, pulled.image_id) == (pushed.digest, pushed.image_id)
    assert pulled.moved_bytes < SMALL_BYTES


def test_the_registry_tells_the_digest_that_the_engine_does(
    registry: LocalRegistry, first: Move
) -> None:
    manifest, digest = registry.manifest(REPOSITORY, "1-cpu-fresh")
    assert (first.digest, first.image_id) == (digest, manifest["config"]["digest"])


def test_a_first_pull_moves_each_byte_once(shipping: Shipping, first: Move) -> None:
    assert first.moved_bytes == shipping.stored_bytes("1-cpu-fresh")


def test_what_was_pulled_runs(shipping: Shipping, first: Move) -> None:
    assert first
    assert shipping.run("1-cpu-fresh", "workload", "--version").decode().split()[-1] == VERSION
    doctor = json.loads(shipping.run("1-cpu-fresh", "workload", "doctor", "--quick", "--json"))
    assert doctor["findings"]


def test_a_pull_after_a_prune_moves_everything_again(shipping: Shipping, first: Move) -> None:
    shipping.prune("1-cpu-fresh")
    assert shipping.pull("1-cpu-fresh", "pull after a prune").moved_bytes == first.moved_bytes


def test_a_pull_after_an_edit_moves_the_package_alone(again: Move) -> None:
    assert 0 < again.moved_bytes < SMALL_BYTES


def test_another_base_shares_every_blob_in_the_registry_and_no_layer_in_the_engine(
    shipping: Shipping, first: Move, pushed: Move
) -> None:
    assert first
    assert pushed
    one, other = shipping.layers("1-cpu"), shipping.layers("1-cpu-fresh")
    assert one.keys() < other.keys()
    assert chained(one, other) == []


def test_the_gpu_image_shares_in_the_engine_what_lies_on_an_equal_base(
    client: DockerClient, table: list[str]
) -> None:
    cpu, gpu = diff_ids(client, CPU), diff_ids(client, GPU)
    in_chain, as_blobs = chained(cpu, gpu), cpu.keys() & gpu.keys()
    for where, shared in (("an engine that chains layers", in_chain), ("a registry", as_blobs)):
        shared_bytes = sum(gpu[layer] for layer in shared)
        table.append(
            f"of the GPU image's {sum(gpu.values()) / 1e6:.0f} MB on disk {where} shares with the"
            f" CPU image's {shared_bytes / 1e6:.1f} MB in {len(shared)} of {len(gpu)} layers"
        )
    equal_bases = next(iter(cpu)) == next(iter(gpu))
    assert bool(in_chain) == equal_bases
    assert set(in_chain) <= as_blobs


def test_the_packages_that_both_images_have_are_the_same_layer(client: DockerClient) -> None:
    """Of equal bases only: their Python's version is in the packages' paths."""
    cpu, gpu = diff_ids(client, CPU), diff_ids(client, GPU)
    if next(iter(cpu)) == next(iter(gpu)):
        assert layer_of(client, CPU, "/layers/common") == layer_of(client, GPU, "/layers/common")


@pytest.mark.moves_gpu
@pytest.mark.timeout(900)
def test_the_gpu_image_where_the_cpu_image_is(
    shipping: Shipping, registry: LocalRegistry, first: Move, table: list[str]
) -> None:
    assert first
    shipping.push(GPU, "1-gpu", "push of the GPU image where the CPU image is")
    on_another_base(registry, REPOSITORY, "1-gpu", "1-gpu-fresh")
    pulled = shipping.pull("1-gpu-fresh", "pull of the GPU image where the CPU image is")
    cpu, gpu = shipping.layers("1-cpu-fresh"), shipping.layers("1-gpu-fresh")
    in_chain = sum(gpu[layer] for layer in chained(cpu, gpu))
    assert pulled.moved_bytes == shipping.stored_bytes("1-gpu-fresh") - in_chain
    by_blob = shipping.stored_bytes("1-gpu-fresh") - sum(
        gpu[layer] for layer in cpu.keys() & gpu.keys()
    )
    table.append(f"an engine that looks blobs up would pull {by_blob / 1e6:.0f} MB of it")
