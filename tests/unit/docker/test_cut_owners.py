"""docker/steps/cut.py takes files of the package that a cut names, and never a licence."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCKER = Path(__file__).parents[3] / "docker"
SITE = "opt/venv/lib/python3.11/site-packages"
FOLDER = "one_two-1.0.dist-info"  # of a distribution that calls itself One.Two
TOOL = "../../../bin/one"
OURS = ("one/a.h", "one/LICENSE", TOOL, f"{FOLDER}/licenses/AUTHORS", f"{FOLDER}/RECORD")


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCKER)
    monkeypatch.syspath_prepend(DOCKER / "steps")
    return importlib.import_module("cut")


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    """A package, its command, and a second package in the same folder."""
    site = tmp_path / "layers/torch" / SITE
    for path in (*OURS, "one/b.h", "one/stray.h", "other-1.dist-info/RECORD"):
        place = site / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("text")
    (site / FOLDER / "RECORD").write_text("".join(f"{path},sha256=abc,4\n" for path in OURS))
    (site / "other-1.dist-info/RECORD").write_text('"one/b.h",,\n')
    return tmp_path / "layers"


@pytest.fixture
def make(cut: ModuleType, layers: Path) -> Callable[..., None]:
    """Make one cut of some paths."""

    def made(*paths: str, package: str = "one-two") -> None:
        words = "\n".join(f'"{path}",' for path in paths)
        listed = layers.parent / "cuts.toml"
        listed.write_text(
            f'[[cut]]\nid = "some"\ntargets = ["cpu"]\npackage = "{package}"\nkind = "delete"\n'
            f'reason = "nobody needs it"\npaths = [\n{words}\n]\n'
        )
        cut.main(listed, "cpu", layers)

    return made


@pytest.mark.parametrize("package", ["one-two", "one-*"])
def test_a_package_s_own_files_are_cut_its_commands_too(
    package: str, make: Callable[..., None], layers: Path
) -> None:
    make("one/a.h", TOOL, package=package)
    assert not (layers / "torch" / SITE / "one/a.h").exists()
    assert not (layers / "torch/opt/venv/bin/one").exists()


@pytest.mark.parametrize(
    ("path", "whose"),
    [("one/*.h", "other, not one-two"), ("one/stray.h", "no package, not one-two")],
)
def test_a_file_of_another_package_is_refused_before_anything_is_cut(
    path: str, whose: str, cut: ModuleType, make: Callable[..., None], layers: Path
) -> None:
    with pytest.raises(cut.UnfitError, match=f"some: one/.* is of {whose}"):
        make(path)
    assert (layers / "torch" / SITE / "one/a.h").exists()


def test_a_file_of_two_packages_is_refused(
    cut: ModuleType, make: Callable[..., None], layers: Path
) -> None:
    (layers / "torch" / SITE / "other-1.dist-info/RECORD").write_text("one/a.h,,\n")
    with pytest.raises(cut.UnfitError, match="of one-two and other, not one-two"):
        make("one/a.h")


@pytest.mark.parametrize("path", ["one/L*", f"{FOLDER}/licenses/*", f"{FOLDER}/*", "one/**"])
def test_no_licence_and_no_account_of_a_package_is_cut(
    path: str, cut: ModuleType, make: Callable[..., Any], layers: Path
) -> None:
    (layers / "torch" / SITE / "one/b.h").unlink()
    (layers / "torch" / SITE / "one/stray.h").unlink()
    with pytest.raises(cut.UnfitError, match="is a licence or an account, which stays"):
        make(path)
    assert (layers / "torch" / SITE / "one/LICENSE").exists()


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("LICENSE", True),
        ("a/Licence.txt", True),
        ("a/COPYING.LESSER", True),
        ("a/LICENSE-MIT", True),
        ("a/notice", True),
        ("a/NOTICES.txt", True),
        ("one-1.dist-info/METADATA", True),
        ("a/LICENSE_MIT", True),
        ("a/licenses/MIT.txt", True),
        ("a/AUTHORS", True),
        ("a/UNLICENSE", True),
        ("a/COPYRIGHT.md", True),
        ("a/notice_utils.h", False),
        ("a/authorize.h", False),
        ("a/copying/b.h", False),
        ("a/unlicensed", False),
    ],
)
def test_a_licence_is_known_by_its_name(path: str, kept: bool, cut: ModuleType) -> None:
    assert bool(cut.KEPT.fullmatch(path)) == kept
