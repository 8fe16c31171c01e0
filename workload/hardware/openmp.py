"""Find out how many threads OpenMP runs, which may be fewer than requested.

PyTorch reports the number of threads that it requests. oneDNN divides its work among that many
threads. If fewer run, parts of a result are never computed. This affects bfloat16 matmuls and the
gradients of convolutions (torch 2.13, two threads requested, one running: 43,066 of 90,000 elements
were wrong).
"""

import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path

from workload.core.models.device import DeviceInfo
from workload.core.units import plural


def team_limit(environment: Mapping[str, str]) -> tuple[int, str] | None:
    """Return the lowest limit on OpenMP's threads, and the variable that sets it; None without one.

    OMP_DYNAMIC counts as a limit of one thread, because only one is certain: the higher the load,
    the fewer threads OpenMP runs (OpenMP 5.0, chapter 6; libgomp's gomp_dynamic_max_threads).
    """
    limits = []
    for name, is_limit, threads in (
        ("OMP_THREAD_LIMIT", r"0*[1-9][0-9]{0,8}", None),
        ("OMP_DYNAMIC", r"(?i)true", 1),
        ("OMP_MAX_ACTIVE_LEVELS", r"0+", 1),
    ):
        value = environment.get(name, "").strip()
        if re.fullmatch(is_limit, value):
            limits.append((threads or int(value), f"{name}={value}"))
    return min(limits, default=None)


def brings_gnu_openmp() -> bool:
    """Return whether the installed torch has GNU's OpenMP in its folder, as its wheels do."""
    spec = importlib.util.find_spec("torch")
    places = (spec and spec.submodule_search_locations) or ()
    return any(any(Path(place).glob("lib/libgomp*.so*")) for place in places)


def most_threads(device: DeviceInfo) -> tuple[int, str]:
    """Return how many threads can work on this CPU at once, and what limits them."""
    usable = device.usable_cpus or device.threads
    team, variable = team_limit(os.environ) or (usable, "")
    if team < usable:
        return team, f"with {variable} OpenMP runs {plural(team, 'thread')}"
    return usable, f"this process may use {plural(usable, 'CPU')}"
