"""Which libraries and packages the doctor finds."""

from pathlib import Path

import pytest
import torch
from support.trees import write

from workload.core.models.pytorch import TorchFiles
from workload.doctor.probes.libraries import (
    differences,
    locked_versions,
    read_cuda_library,
    read_mapped_libraries,
    read_path_libraries,
    read_torch_files,
    read_unlocked,
    read_version_file,
    read_versions,
)

LOCKS = {
    "cpu": {"torch": "2.13.0+cpu", "networkx": "3.6.1 3.7"},
    "gpu": {"torch": "2.13.0", "triton": "3.7.1"},
}


def test_the_version_file_of_a_cuda_build_has_both_versions(tmp_path: Path) -> None:
    write(tmp_path, "version.py", "__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n")
    assert read_version_file(tmp_path / "version.py") == TorchFiles("2.13.0+cu130", "13.0")


def test_the_version_file_of_a_cpu_build_has_no_cuda(tmp_path: Path) -> None:
    write(tmp_path, "version.py", "__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n")
    assert read_version_file(tmp_path / "version.py") == TorchFiles("2.13.0+cpu", None)


def test_a_version_file_without_a_version_is_unknown(tmp_path: Path) -> None:
    assert read_version_file(tmp_path / "version.py") is None


def test_the_version_file_agrees_with_torch_itself() -> None:
    assert read_torch_files() == TorchFiles(torch.__version__, torch.version.cuda, gnu_openmp=True)


def test_a_libcuda_that_loads_has_no_reason() -> None:
    assert read_cuda_library(lambda _name: None) is None


def test_the_loader_reports_why_it_finds_no_libcuda() -> None:
    def refuse(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    assert read_cuda_library(refuse) == "libcuda.so.1: cannot open shared object file"


def test_mapped_libraries_are_those_of_cuda_each_once(tmp_path: Path) -> None:
    lines = (
        "7f-80 r-xp 0 00:1 1      /lib/libc.so.6\n"
        "81-82 r--p 0 00:1 2      /a b/libcudnn.so.9\n"
        "83-84 r-xp 0 00:1 2      /a b/libcudnn.so.9\n"
        "85-86 rw-p 0 00:0 0      [heap]\n"
    )
    write(tmp_path, "proc/self/maps", lines)
    assert read_mapped_libraries(tmp_path) == ("/a b/libcudnn.so.9",)


def test_libraries_on_the_loaders_path_are_those_of_cuda_and_not_the_drivers(
    tmp_path: Path,
) -> None:
    for name in ("libcudnn.so.9", "libcuda.so.1", "libnvidia-ml.so.1"):
        write(tmp_path, f"opt/lib/{name}")
    environment = {"LD_LIBRARY_PATH": "/nowhere::/opt/lib:/opt/lib/"}
    assert read_path_libraries(environment, tmp_path)[:1] == ("/opt/lib/libcudnn.so.9",)
    assert {Path(path).name for path in read_path_libraries(environment, tmp_path)} == {
        "libcudnn.so.9"
    }


@pytest.mark.parametrize("separator", [" ", ":"])
def test_preloaded_libraries_count(tmp_path: Path, separator: str) -> None:
    environment = {"LD_PRELOAD": separator.join(["/x/libjemalloc.so", "/x/libnccl.so.2"])}
    assert read_path_libraries(environment, tmp_path) == ("/x/libnccl.so.2",)


def test_a_version_that_is_not_the_locked_one_is_named_with_it() -> None:
    assert differences({"torch": "2.13.0", "triton": "4.0"}, LOCKS) == ("triton 4.0, locked 3.7.1",)


def test_the_installed_torch_selects_the_lock() -> None:
    assert differences({"torch": "2.13.0+cpu", "triton": "4.0"}, LOCKS) == ()


def test_any_locked_version_for_some_python_is_accepted() -> None:
    assert differences({"torch": "2.13.0+cpu", "networkx": "3.6.1"}, LOCKS) == ()


def test_the_cuda_in_a_version_is_no_difference() -> None:
    assert differences({"torch": "2.13.0+cu130"}, LOCKS) == ()


def test_without_torch_there_is_no_lock() -> None:
    assert differences({"triton": "4.0"}, LOCKS) is None


def test_both_targets_have_a_lock() -> None:
    assert "torch" in locked_versions()["cpu"]
    assert "nvidia-cudnn-cu13" in locked_versions()["gpu"]


def test_the_installed_packages_are_compared() -> None:
    assert isinstance(read_unlocked(), tuple)


def test_versions_name_torch() -> None:
    assert "torch" in read_versions()
