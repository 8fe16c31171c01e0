"""Compiles the stand-ins for NVIDIA's libraries, once for each set of functions that is missing."""

import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "lab" / "stand_ins"
FLAGS = (
    "-std=gnu11 -O1 -Wall -Wextra -Werror -Wno-unused-parameter -fPIC -fvisibility=hidden".split()
)
CUDA, NVML, CUDART = "libcuda.so.1", "libnvidia-ml.so.1", "libcudart.so.13"
FILES = {
    CUDA: ("cuda.c",),
    NVML: ("nvml.c", "nvml_health.c"),
    CUDART: ("cudart_devices.c", "cudart_memory.c", "cudart_streams.c", "cudart_kernels.c"),
}


@cache
def compiled(folder: Path, library: str, missing: frozenset[str] = frozenset()) -> Path:
    """Return the path of a library without some functions, as an old driver's."""
    built = folder / "-".join([library, *sorted(missing)])[:200]
    script = folder / f"{built.name}.map"
    script.write_text(version_script(library, missing))
    subprocess.run(
        ["gcc", *FLAGS, "-shared", f"-Wl,-soname,{library}", f"-Wl,--version-script={script}",
         *(str(SOURCES / name) for name in FILES[library]), "-o", str(built), "-ldl", "-lpthread"],
        check=True,
    )  # fmt: skip
    return built


def nvidia_smi(folder: Path) -> Path:
    """Return the path of a program that asks NVML as nvidia-smi does."""
    built = folder / "nvidia-smi"
    subprocess.run(
        ["gcc", *FLAGS, str(SOURCES / "nvidia_smi.c"), "-o", str(built), "-ldl"], check=True
    )
    return built


def version_script(library: str, missing: Iterable[str]) -> str:
    """Return a linker script that hides functions; libcudart's are looked up with its version."""
    hidden = "".join(f" {name};" for name in sorted(missing))
    return f"{library if library == CUDART else ''} {{ global: *; local:{hidden or ' none;'} }};\n"
