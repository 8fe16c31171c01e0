"""Facts about shared libraries and packages that this process has loaded or would load."""

import ctypes
import importlib.util
import json
import re
from collections.abc import Callable, Mapping
from importlib import metadata, resources
from pathlib import Path

from msgspec.structs import replace

from workload.core.files import read_text
from workload.core.models.pytorch import TorchFiles
from workload.hardware.openmp import brings_gnu_openmp

# The libraries of CUDA, cuDNN and NCCL, but not those of the driver.
CUDA_LIBRARY = re.compile(
    r"lib(cudnn|cublas|nccl|cudart|cufft|cufile|cupti|curand|cusolver|cusparse|nvJitLink"
    r"|nvrtc|nvshmem)[^/]*\.so"
)
PACKAGES = frozenset(
    "workload torch rich safetensors msgspec nvidia-ml-py numpy triton".split()  # noqa: SIM905  easier to read than a list of strings
)


def read_torch_files() -> TorchFiles | None:
    """Return the version and CUDA version of the installed torch; None if missing or incomplete."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return None  # not installed, without its __init__.py, or a single file
    files = read_version_file(Path(spec.origin).with_name("version.py"))
    return files and replace(files, gnu_openmp=brings_gnu_openmp())


def read_version_file(path: Path) -> TorchFiles | None:
    """Read the versions from lines of torch/version.py such as `cuda: Optional[str] = '13.0'`."""
    text = read_text(path)
    found = dict(re.findall(r"^(\w+)[^=\n]*= '([^']*)'", text, re.MULTILINE))
    return TorchFiles(found["__version__"], found.get("cuda")) if "__version__" in found else None


def read_cuda_library(load: Callable[[str], object] = ctypes.CDLL) -> str | None:
    """Return why libcuda cannot be loaded; None if it can. Does not start CUDA."""
    try:
        load("libcuda.so.1")
    except OSError as error:
        return str(error)
    return None


def read_mapped_libraries(root: Path) -> tuple[str, ...]:
    """Return the CUDA libraries that are mapped into this process."""
    paths = {line[line.find("/") :] for line in read_text(root / "proc/self/maps").splitlines()}
    return tuple(sorted(path for path in paths if CUDA_LIBRARY.match(path.rpartition("/")[2])))


def read_path_libraries(environment: Mapping[str, str], root: Path) -> tuple[str, ...]:
    """Return the CUDA libraries in the folders of LD_LIBRARY_PATH and in LD_PRELOAD."""
    folders = [folder for folder in environment.get("LD_LIBRARY_PATH", "").split(":") if folder]
    preloaded = re.split(r"[: ]+", environment.get("LD_PRELOAD", ""))
    found = [
        f"{folder.rstrip('/')}/{path.name}"
        for folder in dict.fromkeys(folders)
        for path in _files(root / folder.lstrip("/"))
    ]
    paths = [path for path in [*found, *preloaded] if path]
    return tuple(path for path in paths if CUDA_LIBRARY.match(path.rpartition("/")[2]))


def read_versions() -> dict[str, str]:
    """Return the versions of this package, its dependencies and NVIDIA's wheels."""
    return {
        name: version
        for name, version in sorted(_installed().items())
        if name in PACKAGES or name.startswith("nvidia-")
    }


def read_unlocked() -> tuple[str, ...] | None:
    """Return how the installed versions differ from the lock; None if torch is not installed."""
    return differences(_installed(), locked_versions())


def differences(
    installed: Mapping[str, str], locks: Mapping[str, Mapping[str, str]]
) -> tuple[str, ...] | None:
    """Return differences such as `torch 2.14.1, locked 2.13.0`; None if torch is not installed.

    The build of torch (CPU or CUDA) selects the lock. Does not report locked packages that are not
    installed.
    """
    torch = installed.get("torch")
    if torch is None:
        return None
    lock = locks["cpu" if torch.endswith("+cpu") else "gpu"]
    return tuple(
        f"{name} {installed[name]}, locked {' or '.join(versions.split())}"
        for name, versions in sorted(lock.items())
        # PyTorch's own index adds a CUDA suffix; `+cpu` is part of the locked version.
        if name in installed and re.sub(r"\+cu\d+$", "", installed[name]) not in versions.split()
    )


def locked_versions() -> dict[str, dict[str, str]]:
    """Return the locked version of each package, by the build of torch (cpu or gpu) and by name.

    Several versions of a package, for different versions of Python, are separated by spaces.
    `make lock` generates locked.json from docker/locks.
    """
    text = resources.files("workload.doctor.probes").joinpath("locked.json").read_text("utf-8")
    locks: dict[str, dict[str, str]] = json.loads(text)
    return locks


def _installed() -> dict[str, str]:
    return {
        re.sub(r"[-_.]+", "-", found.name).lower(): found.version
        for found in metadata.distributions()
    }


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
