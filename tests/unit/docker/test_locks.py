"""The lock files: what every build and every machine installs."""

import io
import re
from importlib import resources
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import pytest
from support import scripts
from support.locks import LOCKS, locked

ALL = sorted(path.name for path in LOCKS.glob("*.txt"))
X86, ARM, OTHER = "a" * 64, "b" * 64, "c" * 64
INDEX_PAGE = f"""
<a href="/whl/cpu/torch-9.1.0%2Bcpu-cp312-cp312-manylinux_2_28_aarch64.whl#sha256={ARM}">x</a>
<a href="/whl/cpu/torch-9.1.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl#sha256={X86}">x</a>
<a href="/whl/cpu/torch-9.1.0%2Bcpu-cp311-cp311-win_amd64.whl#sha256={OTHER}">x</a>
<a href="/whl/cpu/torch-9.1.0%2Bcpu-cp313-cp313t-manylinux_2_28_x86_64.whl#sha256={OTHER}">x</a>
<a href="/whl/cpu/torch-9.0.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl#sha256={OTHER}">x</a>
"""


@pytest.fixture
def relock(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return scripts.load("locks/relock.py", monkeypatch)


@pytest.mark.parametrize("name", ALL)
def test_every_package_has_hashes(name: str) -> None:
    packages = re.split(r"^(?=\S)", (LOCKS / name).read_text(), flags=re.M)[1:]
    assert packages
    assert [package for package in packages if "--hash=sha256:" not in package] == []


@pytest.mark.parametrize("name", ALL)
def test_no_lock_names_a_host(name: str) -> None:
    assert "://" not in (LOCKS / name).read_text()


def test_common_packages_have_the_same_version_on_both_targets() -> None:
    cpu, gpu = locked("cpu.txt"), locked("gpu.txt")
    assert len(cpu) > 10
    assert cpu.pop("torch") == gpu.pop("torch") + "+cpu"
    assert {package: gpu.get(package) for package in cpu} == cpu


def test_torch_is_locked_at_the_version_written_down() -> None:
    (written,) = re.findall(r"^torch==(\S+)", (LOCKS / "torch.in").read_text(), re.M)
    assert locked("gpu.txt")["torch"] == written


def test_the_cpu_lock_has_no_cuda() -> None:
    cuda = [p for p in locked("cpu.txt") if re.match("triton|cuda|nvidia-(?!ml-py)", p)]
    assert cuda == []


def test_a_test_tool_asks_for_no_other_version_of_a_runtime_package() -> None:
    runtime, tools = locked("gpu.txt"), locked("test.txt")
    common = runtime.keys() & tools.keys()
    assert {p: tools[p] for p in common} == {p: runtime[p] for p in common}


def test_the_package_knows_the_locked_versions(
    relock: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(relock, "LOCKED", tmp_path / "locked.json")
    relock.write_versions()
    packaged = resources.files("workload.doctor.probes").joinpath("locked.json").read_text("utf-8")
    assert (tmp_path / "locked.json").read_text() == packaged


def test_hashes_of_the_cpu_torch_are_those_of_its_wheels_for_linux(
    relock: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relock, "urlopen", lambda *_, **__: io.BytesIO(INDEX_PAGE.encode()))
    assert relock.published_cpu_torch("9.1.0") == (
        f"torch==9.1.0+cpu \\\n    --hash=sha256:{X86} \\\n    --hash=sha256:{ARM}\n"
    )


def test_without_the_index_the_recorded_hashes_stay(
    relock: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(relock, "urlopen", refuse)
    version = locked("gpu.txt")["torch"]
    block = relock.published_cpu_torch(version) or relock.recorded_cpu_torch(version)
    assert block in (LOCKS / "cpu.txt").read_text()
    assert f"keeping the recorded hashes of torch {version}+cpu" in capsys.readouterr().err


def test_without_the_index_another_torch_cannot_be_locked(relock: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"no hashes for torch 9\.1\.0\+cpu are on record"):
        relock.recorded_cpu_torch("9.1.0")
