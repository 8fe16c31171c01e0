"""docker/compare_builds.py: which bytes of two layers differ."""

import importlib.util
import io
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "docker/compare_builds.py"


@pytest.fixture
def builds() -> ModuleType:
    """The script, which is no package."""
    spec = importlib.util.spec_from_file_location("compare_builds", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def layer(content: str = "one", mode: int = 0o644, time: int = 0, name: str = "a") -> io.BytesIO:
    """A layer with one file and a link to it."""
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        file = tarfile.TarInfo(name)
        file.size, file.mode, file.mtime = len(content), mode, time
        archive.addfile(file, io.BytesIO(content.encode()))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, name
        archive.addfile(link)
    stored.seek(0)
    return stored


def differences(builds: ModuleType, one: io.BytesIO, other: io.BytesIO) -> list[str]:
    return list(builds.differences(builds.members(one), builds.members(other)))


def test_a_file_with_other_content_is_named_with_its_digests(builds: ModuleType) -> None:
    (line,) = differences(builds, layer("one"), layer("two"))
    assert line.startswith("a: sha256 ")


def test_a_file_with_another_mode_is_named_with_both_modes(builds: ModuleType) -> None:
    assert differences(builds, layer(mode=0o644), layer(mode=0o600)) == ["a: mode 420 / 384"]


def test_files_of_another_time_are_counted_and_the_first_is_named(builds: ModuleType) -> None:
    (line,) = differences(builds, layer(time=1), layer(time=2))
    assert line == "in their time alone: 1, the first a"


def test_a_file_that_only_one_layer_has_is_named(builds: ModuleType) -> None:
    lines = differences(builds, layer(name="a"), layer(name="b"))
    assert lines[:2] == ["a: only in the first", "b: only in the second"]


def test_other_bytes_around_the_same_files_are_a_difference_too(builds: ModuleType) -> None:
    (line,) = differences(builds, layer(), layer())
    assert "the same files in another order" in line


def test_images_of_the_same_layers_are_the_same(
    builds: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builds, "diff_ids", lambda _: ["sha256:a", "sha256:b"])
    assert builds.compare("one", "other")
    assert "2 layers of one and other: the same bytes" in capsys.readouterr().out


def test_an_image_with_a_layer_more_is_not_the_same(
    builds: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = {"one": ["sha256:a"], "other": ["sha256:a", "sha256:b"]}
    shown = {"sha256:b": builds.members(layer())}
    monkeypatch.setattr(builds, "diff_ids", ids.__getitem__)
    monkeypatch.setattr(builds, "layers", lambda _, wanted: {w: shown[w] for w in wanted})
    assert not builds.compare("one", "other")
    assert "a: only in the second" in capsys.readouterr().out
