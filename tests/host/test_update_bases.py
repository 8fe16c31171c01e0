"""docker/release/update-bases: it writes what the registry answers, or changes nothing."""

import shutil
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

RECIPE = "docker/docker-bake.hcl"
FILES = (RECIPE, "docker/release/update-bases", "docker/host/exit-codes")
NEW = "sha256:" + "ab" * 32


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with what the script reads."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
    return tmp_path


def pinned(recipe: Path) -> list[str]:
    """The lines that name a base by its digest."""
    return [line for line in recipe.read_text().splitlines() if "@sha256:" in line]


def test_every_base_gets_its_current_digest(host: Host, checkout: Path) -> None:
    host.add("docker", f"echo {NEW}")
    before = pinned(checkout / RECIPE)
    result = host.run(f"{checkout}/docker/release/update-bases")
    assert result.returncode == 0, result.stderr
    after = pinned(checkout / RECIPE)
    assert [line.partition("@")[0] for line in after] == [line.partition("@")[0] for line in before]
    assert all(line.endswith(f'@{NEW}"') for line in after)
    asked = [call.rpartition(" ")[2] for call in host.called]
    assert [f'  default = "{image}@{NEW}"' for image in asked] == after


@pytest.mark.parametrize(
    ("docker", "reason"),
    [
        ("exit 1", "no digest of ubuntu:24.04: is its registry reachable?"),
        ("echo '<no value>'", "ubuntu:24.04 has the digest '<no value>', which is not sha256"),
    ],
)
def test_without_an_answer_nothing_changes(
    host: Host, checkout: Path, docker: str, reason: str
) -> None:
    host.add("docker", docker)
    before = pinned(checkout / RECIPE)
    result = host.run(f"{checkout}/docker/release/update-bases")
    assert (result.returncode, result.stderr) == (4, f"update-bases: {reason}\n")
    assert pinned(checkout / RECIPE) == before


def test_a_recipe_without_digests_is_an_error(host: Host, checkout: Path) -> None:
    (checkout / RECIPE).write_text('variable "CPU_BASE" {\n  default = "ubuntu:24.04"\n}\n')
    result = host.run(f"{checkout}/docker/release/update-bases")
    assert result.returncode == 4
    assert "has no base with a digest" in result.stderr
