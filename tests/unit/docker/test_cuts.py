"""docker/cuts.toml and docker/steps/cut.py: what the images leave out of the locked packages."""

import importlib
import json
import platform
import subprocess
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCKER = Path(__file__).parents[3] / "docker"
SITE = "opt/venv/lib/python3.11/site-packages"
FILES = {
    f"torch/{SITE}/one/__init__.py": b"import one",
    f"torch/{SITE}/one/include/deep/a.h": b"header",
    f"torch/{SITE}/one/lib.so": b"code and names",
    "torch/opt/venv/bin/one": b"tool",
    f"torch/{SITE}/one-1.dist-info/RECORD": b"one/include/deep/a.h,,\none/lib.so,,\n"
    b"../../../bin/one,,\n",
    f"common/{SITE}/two/tests/test_two.py": b"assert two",
}
HEADERS = {"id": "headers", "kind": "delete", "paths": ["one/include/**"], "devel": "keeps"}
TOOL = {"id": "tool", "kind": "delete", "paths": ["../../../bin/one"]}
NAMES = {"id": "names", "kind": "strip-symbols", "paths": ["one/*.so"]}


def entry(cut: dict[str, Any]) -> dict[str, Any]:
    return {"targets": ["cpu", "gpu"], "package": "one", "reason": "nobody needs it"} | cut


def toml(cuts: tuple[dict[str, Any], ...]) -> str:
    """Entries as the list has them; JSON's texts, lists and booleans are TOML's."""
    tables = [
        "\n".join(f"{name} = {json.dumps(value)}" for name, value in entry(cut).items())
        for cut in cuts
    ]
    return "\n".join(f"[[cut]]\n{table}" for table in tables)


def digest(content: bytes) -> str:
    return urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCKER)
    return importlib.import_module("cuts")


@pytest.fixture
def cut(cuts: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/steps/cut.py, with a stand-in for strip: it leaves the first word of a file."""
    assert cuts  # on the path
    monkeypatch.syspath_prepend(DOCKER / "steps")
    module = importlib.import_module("cut")

    def strip(command: list[Any], check: bool) -> None:
        assert check
        _, _, _, to, place = command
        Path(to).write_bytes(Path(place).read_bytes().split()[0])

    monkeypatch.setattr(subprocess, "run", strip)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    return module


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "layers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "layers"


@pytest.fixture
def made(cut: ModuleType, layers: Path) -> Any:
    """Make cuts; what is written down of the layer torch, by id."""

    def make(*cuts: dict[str, Any], target: str = "cpu") -> dict[str, Any]:
        listed = layers.parent / "cuts.toml"
        listed.write_text(toml(cuts))
        cut.main(listed, target, layers)
        record = layers / "torch/opt/venv/share/workload/cuts-torch.json"
        return {one["id"]: one for one in json.loads(record.read_text())}

    return make


def test_what_is_deleted_is_gone_with_its_empty_folders_and_counted(
    made: Any, layers: Path
) -> None:
    tool = made(TOOL)["tool"]
    assert not (layers / "torch/opt/venv/bin").exists()
    assert (tool["files"], tool["bytes_before"], tool["bytes_after"]) == (1, 4, 0)


def test_what_devel_keeps_moves_to_its_layer(made: Any, layers: Path) -> None:
    made(HEADERS)
    assert (layers / f"devel/{SITE}/one/include/deep/a.h").read_bytes() == b"header"
    assert not (layers / f"torch/{SITE}/one/include").exists()


def test_devel_has_a_layer_though_it_keeps_nothing(made: Any, layers: Path) -> None:
    made(TOOL)
    assert list((layers / "devel").iterdir()) == []


def test_a_stripped_file_keeps_its_mode_and_is_recorded_by_both_digests(
    made: Any, layers: Path
) -> None:
    library = layers / f"torch/{SITE}/one/lib.so"
    library.chmod(0o755)
    names = made(NAMES)["names"]
    assert (library.read_bytes(), library.stat().st_mode & 0o777) == (b"code", 0o755)
    assert names["digests"] == {"one/lib.so": [digest(b"code and names"), digest(b"code")]}


@pytest.mark.parametrize("waiting", [TOOL, NAMES])
def test_a_cut_that_waits_for_a_gpu_changes_nothing_and_is_counted(
    made: Any, layers: Path, waiting: dict[str, Any]
) -> None:
    found = made(waiting | {"wait_for_gpu": True})[waiting["id"]]
    assert not found["applied"]
    assert found["bytes_after"] < found["bytes_before"]
    there = {str(path.relative_to(layers)) for path in layers.rglob("*") if path.is_file()}
    assert there - {"torch/opt/venv/share/workload/cuts-torch.json"} == set(FILES)


def test_a_layer_of_which_nothing_was_cut_is_left_alone(made: Any, layers: Path) -> None:
    made(TOOL)
    assert not (layers / "common/opt/venv/share").exists()


def test_another_target_s_cut_is_not_made(made: Any, layers: Path) -> None:
    made(TOOL, NAMES | {"targets": ["gpu"]})
    assert (layers / f"torch/{SITE}/one/lib.so").read_bytes() == b"code and names"


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ([TOOL | {"paths": ["one/bin/*"]}], "tool: nothing installed fits one/bin/*"),
        ([TOOL, TOOL | {"id": "again"}], "../../../bin/one is in two cuts, tool and again"),
        ([TOOL | {"paths": ["one/lib.so", "two/**"]}], "tool: its files are in two layers"),
        ([NAMES | {"paths": ["two/tests/*.py", "one/__init__.py"]}], "two layers"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(
    cut: ModuleType, made: Any, listed: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(cut.UnfitError) as refused:
        made(*listed)
    assert words in str(refused.value)


def test_wheels_of_another_machine_may_lack_a_file(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert list(made(TOOL, NAMES | {"paths": ["one/*.alt.so"]})) == ["tool"]


def test_a_strip_that_saves_nothing_is_refused(cut: ModuleType, made: Any, layers: Path) -> None:
    (layers / f"torch/{SITE}/one/lib.so").write_bytes(b"code")
    with pytest.raises(cut.UnfitError, match="names: it saves nothing"):
        made(NAMES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "shrink"}, "kind, devel or paths cannot be"),
        ({"paths": []}, "kind, devel or paths cannot be"),
        ({"targets": ["tpu"]}, "targets are among cpu, gpu"),
        ({"wait_for_gpu": "no"}, "wait_for_gpu is true or false"),
        ({"why": "?"}, "unexpected keyword argument 'why'"),
        ({"kind": "strip-debug", "devel": "keeps"}, "only what is deleted can be kept"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(
    cuts: ModuleType, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    (tmp_path / "cuts.toml").write_text(toml((TOOL | change,)))
    with pytest.raises(ValueError, match=f"cut tool: .*{words}"):
        cuts.read(tmp_path / "cuts.toml")


@pytest.mark.parametrize(
    ("words", "path", "fits"),
    [
        ("a/*.h", "a/b.h", True),
        ("a/*.h", "a/b/c.h", False),
        ("a/**", "a/b/c.h", True),
        ("a/**/tests/**", "a/b/c/tests/d.py", True),
        ("a.b", "acb", False),
    ],
)
def test_one_star_stops_at_a_slash_and_two_do_not(
    cuts: ModuleType, words: str, path: str, fits: bool
) -> None:
    assert bool(cuts.pattern(words).fullmatch(path)) == fits


def test_what_both_images_have_in_common_is_cut_alike(cuts: ModuleType) -> None:
    """Of packages in the layer common; torch and CUDA's are the targets' own."""
    own = ("torch", "triton", "nvidia-", "cuda-")
    shared = [cut for cut in cuts.read() if not cut.package.startswith(own)]
    assert shared
    assert {cut.targets for cut in shared} == {("cpu", "gpu")}


def test_another_image_has_no_cuts(cuts: ModuleType) -> None:
    with pytest.raises(ValueError, match="tpu is no image of this project"):
        cuts.of("tpu", [])


def test_nothing_of_a_licence_is_cut(cuts: ModuleType) -> None:
    kept = ("one-1.dist-info/licenses/LICENSE", "torch/bin/torch_shm_manager")
    kept += ("triton/backends/amd/compiler.py", "torch-2.13.0.dist-info/RECORD")
    assert [path for path in kept if any(cut.matches(path) for cut in cuts.read())] == []
