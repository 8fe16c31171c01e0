"""Find the CPUs that this process may use. No heavy imports: torch is imported after it is called.

OpenMP may bind the main thread to one CPU as soon as torch is imported (OMP_PROC_BIND, OMP_PLACES,
GOMP_CPU_AFFINITY, KMP_AFFINITY). What the process may use is the mask before that, as taskset,
numactl, a cpuset or its parent left it.
"""

import os
from functools import cache
from pathlib import Path

from workload.core.files import read_text


def given_cpus(root: Path = Path("/")) -> frozenset[int]:
    """Return the CPUs of the main thread at the first call, which precedes torch's import."""
    return _first_seen(root)


@cache
def _first_seen(root: Path) -> frozenset[int]:
    return current_cpus(root)


def current_cpus(root: Path = Path("/")) -> frozenset[int]:
    """Return the CPUs that the main thread may run on now."""
    found = allowed_cpus(read_text(root / "proc/self/status"))
    return found or frozenset(range(os.cpu_count() or 1))  # not Linux: no such file


def allowed_cpus(status: str) -> frozenset[int]:
    """Return the CPUs in the text of a thread's status file; empty without them."""
    for line in status.splitlines():
        name, _, mask = line.partition(":")
        if name == "Cpus_allowed":
            bits = int(mask.strip().replace(",", ""), 16)
            return frozenset(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)
    return frozenset()
