"""The stand-ins declare what NVIDIA declares, and have every function that torch asks for."""

import ctypes
import subprocess
import sysconfig
from pathlib import Path

import pynvml
import pytest
from support.lab.stand_ins import CUDA, CUDART, FILES, FLAGS, SOURCES, compiled

SITE = Path(sysconfig.get_path("purelib"))


def compile_with_nvidias_headers(source: Path, wheels: Path) -> "subprocess.CompletedProcess[str]":
    headers = (SOURCES, SOURCES / "nvcc", wheels / "include")
    return subprocess.run(
        ["gcc", *FLAGS, "-DNVIDIA_HEADERS", *(f"-I{folder}" for folder in headers), "-c",
         str(source), "-o", "/dev/null"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", [*FILES[CUDA], *FILES[CUDART]])
def test_prototypes_and_layouts_are_those_of_nvidias_headers(name: str, wheels: Path) -> None:
    found = compile_with_nvidias_headers(SOURCES / name, wheels)
    assert (found.returncode, found.stderr) == (0, "")


def test_another_prototype_is_an_error(tmp_path: Path, wheels: Path) -> None:
    source = (SOURCES / "cudart_memory.c").read_text()
    changed = tmp_path / "changed.c"
    changed.write_text(source.replace("cudaFree(void *at)", "cudaFree(void *at, int more)"))
    assert "error: conflicting types for" in compile_with_nvidias_headers(changed, wheels).stderr


def test_another_layout_is_an_error(tmp_path: Path, wheels: Path) -> None:
    types = (SOURCES / "cuda_types.h").read_text()
    (tmp_path / "cuda_types.h").write_text(types.replace("major, 360", "major, 364"))
    (tmp_path / "cuda.c").write_text('#include "cuda_types.h"\n')
    error = compile_with_nvidias_headers(tmp_path / "cuda.c", wheels).stderr
    assert 'static assertion failed: "cudaDeviceProp.major"' in error


@pytest.mark.parametrize(
    ("structure", "size"),
    [("c_nvmlMemory_t", 24), ("nvmlPciInfo_t", 68), ("c_nvmlProcessInfo_t", 24),
     ("c_nvmlUtilization_t", 8), ("c_nvmlFieldValue_t", 40), ("c_nvmlGpuFabricInfo_v2_t", 36),
     ("c_nvmlEccSramErrorStatus_v1_t", 104), ("c_nvmlEventData_t", 32)],
)  # fmt: skip
def test_structures_of_nvml_have_the_size_of_the_bindings(structure: str, size: int) -> None:
    assert ctypes.sizeof(getattr(pynvml, structure)) == size


def test_the_runtime_has_every_function_that_torch_asks_for(tmp_path: Path) -> None:
    asked = {
        name.partition("@")[0]
        for library in (SITE / "torch" / "lib").glob("*.so")
        for name in symbols(library, "--undefined-only")
        if f"@{CUDART}" in name
    }
    has = {name.partition("@")[0] for name in symbols(compiled(tmp_path, CUDART), "--defined-only")}
    assert len(asked) > 100
    assert asked - has == set()


def symbols(library: Path, which: str) -> list[str]:
    listed = subprocess.run(
        ["nm", "--dynamic", which, str(library)], capture_output=True, text=True, check=True
    )
    return [line.split()[-1] for line in listed.stdout.splitlines()]
