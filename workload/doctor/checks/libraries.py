"""Verdicts about the libraries and packages that this process has or would find. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from workload.doctor.checks.gpu_needs import CUDA_BUILD
from workload.doctor.checks.machine import TORCH
from workload.doctor.checks.verdicts import (
    Check,
    Need,
    Outcome,
    failed,
    known,
    passed,
    read,
    unknown,
    warned,
)
from workload.doctor.probes.facts import Facts

WHEELS = "/site-packages/nvidia/"  # where NVIDIA's wheels put their libraries


def _has_cuda_wheels(facts: Facts) -> bool:
    names = known(facts.versions)
    return any(name.startswith("nvidia-") and name != "nvidia-ml-py" for name in names)


NOT_CPU = Need("cpu-asked-for", lambda facts: facts.requested_device != "cpu")
CUDA_WHEELS = Need("no-cuda-wheels", _has_cuda_wheels)
KNOWN_LOCK = Need("torch-missing", lambda facts: read(facts, "unlocked") is not None)


def judge_library_path(facts: Facts) -> Outcome:
    """Would the loader find other CUDA libraries before those of torch's own wheels?"""
    strangers = [path for path in known(facts.path_libraries) if WHEELS not in path]
    return warned("shadows", libraries=_few(strangers)) if strangers else passed()


def judge_mapped(facts: Facts) -> Outcome:
    """Has this process each CUDA library once, and all of cuDNN from one folder?"""
    if not facts.mapped_libraries:
        return unknown("unknown")
    twice = [path for paths in _by_name(facts.mapped_libraries) if len(paths) > 1
             for path in paths]  # fmt: skip
    if twice:
        return failed("twice", libraries=_few(twice))
    cudnn = [path for path in facts.mapped_libraries if "/libcudnn" in path]
    if len({PurePosixPath(path).parent for path in cudnn}) > 1:
        return failed("mixed", libraries=_few(cudnn))
    return passed(count=len(facts.mapped_libraries))


def judge_lock(facts: Facts) -> Outcome:
    """Are the packages of the versions that were tested together?"""
    unlocked = known(facts.unlocked)
    return warned("differs", packages=_few(unlocked)) if unlocked else passed()


def _by_name(paths: Iterable[str]) -> list[list[str]]:
    """Paths grouped by the library's name without its version."""
    found = defaultdict(list)
    for path in paths:
        found[PurePosixPath(path).name.partition(".so")[0]].append(path)
    return list(found.values())


def _few(texts: Iterable[str], most: int = 4) -> str:
    shown = list(texts)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


LIBRARY_CHECKS = (
    Check("library-path", judge_library_path, (NOT_CPU, CUDA_WHEELS)),
    Check("cuda-libraries", judge_mapped, (NOT_CPU, *TORCH, CUDA_BUILD)),
)
PACKAGE_CHECKS = (Check("lock", judge_lock, (KNOWN_LOCK,)),)
