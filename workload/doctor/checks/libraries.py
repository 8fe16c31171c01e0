"""Checks of the CUDA libraries that this process finds or loads, and of package versions."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from workload.core.models.facts import Facts
from workload.core.units import some
from workload.doctor.checks.check import (
    CheckResult,
    Need,
    check,
    failed,
    known,
    passed,
    read,
    unknown,
    warned,
)
from workload.doctor.checks.gpu_needs import CUDA_BUILD, NOT_CPU, TORCH

WHEELS = "/site-packages/nvidia/"  # where NVIDIA's wheels install their libraries
VERSION_MISMATCH = "https://github.com/pytorch/pytorch/issues/188892"


def _has_cuda_wheels(facts: Facts) -> bool:
    names = known(facts.versions)
    return any(name.startswith("nvidia-") and name != "nvidia-ml-py" for name in names)


CUDA_WHEELS = Need("no-cuda-wheels", "no NVIDIA library wheels are installed", _has_cuda_wheels)
KNOWN_LOCK = Need(
    "torch-missing",
    "PyTorch cannot be imported",
    lambda facts: read(facts, "unlocked") is not None,
)


@check(
    "library-path",
    asks="Does the loader find only the CUDA libraries of torch's wheels?",
    why="the loader may use libraries other than torch's; two versions of cuDNN cause "
    "SUBLIBRARY_VERSION_MISMATCH",
    fix="remove other CUDA libraries from LD_PRELOAD, and remove their folders from "
    "LD_LIBRARY_PATH",
    link=VERSION_MISMATCH,
    needs=(NOT_CPU, CUDA_WHEELS),
)
def library_path(facts: Facts) -> CheckResult:
    """Look for CUDA libraries in LD_LIBRARY_PATH and LD_PRELOAD."""
    others = [path for path in known(facts.path_libraries) if WHEELS not in path]
    if others:
        return warned(f"other CUDA libraries come before torch's: {some(others)}", case="shadows")
    return passed("no CUDA libraries besides those of torch's wheels")


@check(
    "cuda-libraries",
    asks="Is each CUDA library loaded once, and cuDNN from one folder?",
    why="libraries of two versions do not work together; cuDNN fails with "
    "SUBLIBRARY_VERSION_MISMATCH",
    fix="remove other CUDA folders from LD_LIBRARY_PATH, and reinstall torch with the NVIDIA "
    "wheels that it requires",
    link=VERSION_MISMATCH,
    needs=(NOT_CPU, *TORCH, CUDA_BUILD),
)
def cuda_libraries(facts: Facts) -> CheckResult:
    """Check the CUDA libraries that the process has loaded."""
    paths = facts.mapped_libraries
    if not paths:
        return unknown("no CUDA library is loaded")
    twice = [path for group in _by_name(paths) if len(group) > 1 for path in group]
    if twice:
        return failed(f"CUDA libraries are loaded twice: {some(twice)}", case="twice")
    parts = [path for path in paths if "/libcudnn" in path]
    if len({PurePosixPath(path).parent for path in parts}) > 1:
        return failed(f"cuDNN is loaded from several folders: {some(parts)}", case="mixed")
    return passed(f"{len(paths)} CUDA libraries, each loaded once")


@check(
    "lock",
    asks="Do the installed packages have the locked versions?",
    why="these versions were not tested together, and results are hard to compare",
    fix="install from docker/locks, or use one of the project's images",
    link="https://pip.pypa.io/en/stable/topics/secure-installs/",
    needs=(KNOWN_LOCK,),
)
def lock(facts: Facts) -> CheckResult:
    """Compare the versions of the installed packages with the locked versions."""
    unlocked = known(facts.unlocked)
    if unlocked:
        return warned(f"versions differ from the lock: {some(unlocked)}", case="differs")
    return passed("all packages have their locked versions")


def _by_name(paths: Iterable[str]) -> list[list[str]]:
    """Group paths by the name of the library, without its version."""
    found = defaultdict(list)
    for path in paths:
        found[PurePosixPath(path).name.partition(".so")[0]].append(path)
    return list(found.values())
