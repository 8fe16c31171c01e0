"""The CPUs that this process was given. No heavy imports: it is asked before torch is imported.

OpenMP may bind the main thread to one CPU as soon as torch is imported (OMP_PROC_BIND, OMP_PLACES,
GOMP_CPU_AFFINITY, KMP_AFFINITY). What the process may use is the mask before that, as taskset,
numactl, a cpuset or its parent left it.
"""

import os
from functools import cache
from pathlib import Path

from workload.core.files import read_text


@cache
def given_cpus(root: Path = Path("/")) -> frozenset[int]:
    """Return the CPUs of the main thread at the first call, which precedes torch's import."""
    return current_cpus(root)


def current_cpus(root: Path = Path("/")) -> frozenset[int]:
    """Return the CPUs that the main thread may run on now."""
    for line in read_text(root / "proc/self/status").splitlines():
        name, _, mask = line.partition(":")
        if name == "Cpus_allowed":
            bits = int(mask.strip().replace(",", ""), 16)
            return frozenset(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)
    return frozenset(range(os.cpu_count() or 1))  # not Linux: no such file, and no cgroups either
