"""Read how OpenMP bound the threads of this process to CPUs.

If one of the variables below is set, OpenMP binds the main thread when torch is imported, and its
other threads when they start. Threads and programs that the main thread starts later inherit its
CPUs.

Sources: libgomp's manual, "Environment Variables"; Intel's oneAPI DPC++/C++ compiler guide,
"Thread Affinity Interface" (KMP_AFFINITY works with libiomp5, which is not in PyTorch's wheels).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workload.core.files import read_text
from workload.core.units import plural, printable, ranges
from workload.hardware.affinity import allowed_cpus, current_cpus, given_cpus

VARIABLES = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
ELEMENTS = 1 << 18  # enough for an operation to use all threads
_CPUS = r"\d{1,6}(-\d{1,6}(:\d{1,6})?)?"


@dataclass(frozen=True)
class Binding:
    """The CPUs that the threads were bound to, and the variables that caused this."""

    main: frozenset[int]
    threads: frozenset[int]  # of all threads together
    given: frozenset[int]
    settings: str

    def __str__(self) -> str:
        """Describe which CPUs the threads were bound to."""
        main, together = (f"CPU {ranges(cpus)}" for cpus in (self.main, self.threads))
        return (
            f"{self.settings} bound the main thread to {main} and all threads together to "
            f"{together}, of {plural(len(self.given), 'CPU')} ({ranges(self.given)})"
        )


def read_binding(
    torch: Any, environment: Mapping[str, str] = os.environ, root: Path = Path("/")
) -> Binding | None:
    """Return how PyTorch's threads are bound to CPUs; None if they are not."""
    settings = " ".join(f"{name}={environment[name]}" for name in VARIABLES if name in environment)
    if not settings and current_cpus(root) == given_cpus(root):
        return None
    torch.ones(ELEMENTS).add_(1)  # starts the threads
    given, main = given_cpus(root), current_cpus(root)
    if main == given:
        return None
    masks = (allowed_cpus(read_text(path)) for path in root.glob("proc/self/task/*/status"))
    bound = [mask for mask in masks if mask and mask != given]
    return Binding(main, main.union(*bound), given, printable(settings or "an unknown setting"))


def binding_problem(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return why libgomp would hang or exit when torch is imported; None if it would not."""
    text = environment.get("GOMP_CPU_AFFINITY", "").strip()
    if not text:
        return None
    words = re.split(r"[\s,]+", text)
    shown = f"GOMP_CPU_AFFINITY={printable(text)}"
    if not all(re.fullmatch(_CPUS, word) for word in words):
        return f"{shown} is not a list of CPUs such as 0-3: correct or unset it"
    if not any(given_cpus() & _named(word) for word in words):
        own = ranges(given_cpus())
        return f"{shown} names no CPU that this process may use ({own}): correct or unset it"
    return None


def _named(word: str) -> frozenset[int]:
    """Return the CPUs that a word such as `3`, `0-3` or `0-7:2` names."""
    first, last, step = re.fullmatch(r"(\d+)(?:-(\d+))?(?::(\d+))?", word).groups()  # type: ignore[union-attr]  # binding_problem matched it
    return frozenset(range(int(first), int(last or first) + 1, max(1, int(step or 1))))
