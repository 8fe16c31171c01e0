"""Find the CPUs that this process may use.

OpenMP may bind the main thread to one CPU as soon as torch is imported (OMP_PROC_BIND, OMP_PLACES,
GOMP_CPU_AFFINITY, KMP_AFFINITY). The CPUs that the process may use are those of its affinity mask
before the import, as set by taskset, numactl, a cpuset or the parent process. Call `given_cpus`
before torch is imported; for that reason this module has no heavy imports.
"""

import os
from functools import cache
from pathlib import Path

from workload.core.files import read_text


def given_cpus(root: Path = Path("/")) -> frozenset[int]:
    """Return the CPUs that the main thread could run on when this was first called."""
    return _first_seen(root)


@cache
def _first_seen(root: Path) -> frozenset[int]:
    return current_cpus(root)


def current_cpus(root: Path = Path("/")) -> frozenset[int]:
    """Return the CPUs that the main thread may run on now."""
    found = allowed_cpus(read_text(root / "proc/self/status"))
    return found or frozenset(range(os.cpu_count() or 1))  # the file exists only on Linux


def allowed_cpus(status: str) -> frozenset[int]:
    """Return the CPUs that the text of a thread's status file lists; empty if it lists none."""
    for line in status.splitlines():
        name, _, mask = line.partition(":")
        if name == "Cpus_allowed":
            bits = int(mask.strip().replace(",", ""), 16)
            return frozenset(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)
    return frozenset()
