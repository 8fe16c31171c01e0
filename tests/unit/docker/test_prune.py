"""docker/prune.toml and docker/steps/layers/prune.py: what the images leave out."""

import platform
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import scripts, trees

SITE = "opt/venv/lib/python3.11/site-packages"
RECORD = "one/a.h,,\none/include/deep/b.h,,\none/LICENSE,,\none/lib.so,,\n../../../bin/one,,\n"
FILES = {
    f"torch/{SITE}/one/__init__.py": "import one",
    f"torch/{SITE}/one/a.h": "header",
    f"torch/{SITE}/one/include/deep/b.h": "header",
    f"torch/{SITE}/one/lib.so": "code names",
    f"torch/{SITE}/one/LICENSE": "free",
    f"torch/{SITE}/one/stray": "of no package",
    f"torch/{SITE}/One-1.dist-info/RECORD": RECORD + "One-1.dist-info/RECORD,,\n",
    f"torch/{SITE}/two-1.dist-info/RECORD": '"one/__init__.py",,\n',
    "torch/opt/venv/bin/one": "command",
}
COMMAND = {"patterns": ["../../../bin/one"]}
NAMES = {"kind": "strip-symbols", "patterns": ["one/*.so"]}
HEADERS = {"patterns": ["one/include/**"], "keep_for_devel": True}
Run = Callable[..., None]


@pytest.fixture
def prune(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The step, on the architecture of the list, with a strip that leaves a file's first word."""
    module = scripts.load("steps/layers/prune.py", monkeypatch)

    def strip(command: list[Any], check: bool) -> None:
        assert (command[:2], check) == (["strip", "--strip-unneeded"], True)
        command[2].write_text(command[2].read_text().split()[0])

    monkeypatch.setattr(subprocess, "run", strip)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    return module


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        trees.write(tmp_path / "layers", name, content)
    return tmp_path / "layers"


@pytest.fixture
def run(prune: ModuleType, layers: Path) -> Run:
    """Prune the CPU image's layers by entries, which JSON's syntax writes as TOML."""

    def prune_by(*entries: dict[str, Any]) -> None:
        common = {"package": "one", "kind": "delete", "targets": ["cpu"], "reason": "unused"}
        listed = layers.parent / "prune.toml"
        tables = trees.toml("prune", [common | entry for entry in entries])
        listed.write_text('seen = { cpu = ["x86_64"] }\n' + tables)
        prune.main(listed, "cpu", layers)

    return prune_by


def files(layers: Path) -> dict[str, str]:
    return {str(p.relative_to(layers)): p.read_text() for p in layers.rglob("*") if p.is_file()}


def test_a_deleted_file_is_gone_with_its_empty_folders(run: Run, layers: Path) -> None:
    run(COMMAND)
    assert not (layers / "torch/opt/venv/bin").exists()


def test_what_devel_images_keep_moves_to_their_layer(run: Run, layers: Path) -> None:
    run(HEADERS)
    assert (layers / f"devel/{SITE}/one/include/deep/b.h").read_text() == "header"
    assert not (layers / f"torch/{SITE}/one/include").exists()


def test_a_stripped_file_stays_without_its_symbols(run: Run, layers: Path) -> None:
    run(NAMES)
    assert (layers / f"torch/{SITE}/one/lib.so").read_text() == "code"


@pytest.mark.parametrize("other", [{"wait_for_gpu": True}, {"targets": ["gpu"]}])
def test_an_entry_that_waits_or_is_for_another_target_changes_nothing(
    other: dict[str, Any], run: Run, layers: Path
) -> None:
    run(COMMAND | other, NAMES | other)
    assert files(layers) == FILES


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ([{"patterns": ["one/*.hpp"]}], "one/*.hpp matches nothing"),
        ([{"patterns": ["one/*/b.h"]}], "one/*/b.h matches nothing"),
        ([{"patterns": ["one/L*"]}], "one/LICENSE is a license or package metadata"),
        ([{"patterns": ["One-1.*/**"]}], "RECORD is a license or package metadata"),
        ([{"patterns": ["one/__*"]}], "one/__init__.py belongs to two"),
        ([{"patterns": ["one/stray"]}], "one/stray belongs to no package"),
        ([COMMAND, COMMAND | {"reason": "twice"}], "../../../bin/one is also matched by: delete"),
        ([COMMAND | {"kind": "shrink"}], "kind must be delete, strip-debug or strip-symbols"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused_before_anything_is_pruned(
    entries: list[dict[str, Any]], error: str, run: Run, layers: Path
) -> None:
    with pytest.raises(ValueError, match="one") as refused:
        run(HEADERS, *entries)
    assert error in str(refused.value)
    assert files(layers) == FILES


def test_a_file_of_two_packages_belongs_to_neither_alone(run: Run, layers: Path) -> None:
    (layers / f"torch/{SITE}/two-1.dist-info/RECORD").write_text("one/a.h,,\n")
    with pytest.raises(ValueError, match=r"one/a\.h belongs to one and two"):
        run({"patterns": ["one/*.h"]})


def test_on_another_architecture_a_pattern_may_match_nothing(
    run: Run, layers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    run({"patterns": ["one/*.alt.so"]}, COMMAND)
    assert not (layers / "torch/opt/venv/bin/one").exists()


def test_an_entry_of_one_architecture_is_for_its_packages_alone(run: Run, layers: Path) -> None:
    run(COMMAND | {"architectures": ["x86_64"]}, NAMES | {"architectures": ["aarch64"]})
    assert not (layers / "torch/opt/venv/bin/one").exists()
    assert (layers / f"torch/{SITE}/one/lib.so").read_text() == "code names"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("LICENSE", True),
        ("a/License.txt", True),
        ("a/COPYING.LESSER", True),
        ("a/LICENSE-MIT", True),
        ("a/NOTICES.txt", True),
        ("a/LICENSE_MIT", True),
        ("a/licenses/MIT.txt", True),
        ("a/AUTHORS", True),
        ("a/UNLICENSE", True),
        ("a/COPYRIGHT.md", True),
        ("a/notice_utils.h", False),
        ("a/authorize.h", False),
        ("a/copying/b.h", False),
    ],
)
def test_a_license_is_recognized_by_its_name(path: str, expected: bool, prune: ModuleType) -> None:
    assert bool(prune.PROTECTED.fullmatch(path)) == expected


def test_packages_of_the_shared_layer_are_pruned_in_both_images() -> None:
    """torch and CUDA's packages are in layers that the images do not share."""
    listed = tomllib.loads((scripts.DOCKER / "prune.toml").read_text())["prune"]
    own = ("torch", "triton", "nvidia-")
    shared = [entry for entry in listed if not entry["package"].startswith(own)]
    assert shared
    assert [entry for entry in shared if entry["targets"] != ["cpu", "gpu"]] == []
