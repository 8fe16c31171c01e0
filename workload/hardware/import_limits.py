"""Check that this process has the threads and the memory that the import of PyTorch needs.

If either is insufficient, the import raises no exception: OpenMP and OpenBLAS exit with code 1, or
the kernel sends SIGKILL. Therefore both are checked before the import. Threads are started as a
test, since no file shows every limit.
"""

import errno
import os
import re
import resource
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workload.core.errors import UnfitError
from workload.core.models.machine import ImportLimits, Limits
from workload.core.units import format_bytes
from workload.hardware.cgroups import read_limits, read_pids_left

OWN_THREADS = 2  # the main thread and the one that handles signals
MOST_OF_BLAS = 128  # the most threads that OpenBLAS starts, whatever the quota
# Measured with PyTorch's CPU build on two CPUs: with less, the import fails.
IMPORT_BYTES = 150_000_000
ADDRESS_BYTES = 700_000_000
DATA_BYTES = 250_000_000
HUGE_STACK_BYTES = 1 << 30
LEAST_STACK_BYTES = 32 << 10  # the least that Python accepts; OpenMP has its own minimum
STACK_UNITS = {"B": 1, "": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True)
class Shortage:
    """A resource of which too little is available, with the reason and the fix."""

    case: str
    found: str
    why: str
    fix: str


def require_import_limits() -> None:
    """Raise UnfitError if importing PyTorch would end this process."""
    limits = read_limits()
    found = read_import_limits(limits)
    shortage = thread_shortage(found) or import_shortage(found, limits)
    if shortage:
        raise UnfitError(f"{shortage.found}: {shortage.why}: {shortage.fix}")


def read_import_limits(
    limits: Limits | None,
    root: Path = Path("/"),
    environment: Mapping[str, str] = os.environ,
    others: int = 0,
) -> ImportLimits:
    """Start and end as many threads as PyTorch will start; read the limits on threads and memory.

    `limits` is None if the limits cannot be read. `others` is the number of threads and processes
    that the caller starts in addition to PyTorch's.
    """
    pids_left, cpus = read_pids_left(root), limits.affinity_cpus if limits else os.cpu_count() or 1
    most = min(cpus, _integer(environment.get("OMP_NUM_THREADS", "")) or cpus)
    of_openmp = min(limits.usable_threads if limits else cpus, most)
    needed = OWN_THREADS + of_openmp + min(most, MOST_OF_BLAS) - 1 + others
    wanted = max(1, needed - len(list(root.glob("proc/self/task/*"))))
    stack_bytes = openmp_stack_bytes(environment)
    started, error = start_threads(wanted, stack_bytes)
    return ImportLimits(
        threads_wanted=wanted,
        threads_started=started,
        thread_error=error,
        pids_left=pids_left,
        user_limit=_limit(resource.RLIMIT_NPROC) if os.getuid() else None,
        stack_bytes=stack_bytes or _limit(resource.RLIMIT_STACK),
        address_bytes=_limit(resource.RLIMIT_AS),
        data_bytes=_limit(resource.RLIMIT_DATA),
    )


def start_threads(wanted: int, stack_bytes: int = 0) -> tuple[int, str | None]:
    """Return how many of the `wanted` threads can exist at once, and why the next one cannot.

    Each has a stack of `stack_bytes`; 0 means the default size.
    """
    release, error = threading.Event(), None
    threads: list[threading.Thread] = []
    before = threading.stack_size()
    try:
        threading.stack_size(stack_bytes and max(stack_bytes, LEAST_STACK_BYTES))
        while len(threads) < wanted:
            thread = threading.Thread(target=release.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except (RuntimeError, MemoryError, ValueError, OverflowError):
        error = thread_error()
    finally:
        threading.stack_size(before)
        release.set()
        for thread in threads:
            thread.join()
    return len(threads), error


def thread_error() -> str | None:
    """Return the system's error for starting a thread, which Python hides; None if one starts."""
    import ctypes  # noqa: PLC0415  rarely needed, and missing in some Pythons

    libc = ctypes.CDLL(None)
    identity = ctypes.c_ulong()
    start = ctypes.cast(libc.abs, ctypes.c_void_p)
    number = libc.pthread_create(ctypes.byref(identity), None, start, None)
    if number:
        return os.strerror(number)
    libc.pthread_join(identity, None)
    return None


def openmp_stack_bytes(environment: Mapping[str, str]) -> int:
    """Return the stack size of OpenMP's threads; 0 means the default."""
    for name in ("OMP_STACKSIZE", "GOMP_STACKSIZE"):
        match = re.fullmatch(r"\s*([0-9]{1,15})\s*([BKMG]?)\s*", environment.get(name, "").upper())
        if match:
            return int(match[1]) * STACK_UNITS[match[2]]
    return 0


def thread_shortage(limits: ImportLimits) -> Shortage | None:
    """Return which limit keeps PyTorch's threads from starting; None if they start."""
    if limits.threads_started >= limits.threads_wanted:
        return None
    found = (
        f"only {limits.threads_started} of the {limits.threads_wanted} threads that PyTorch needs "
        f"can be started ({limits.thread_error or 'too large a stack'})"
    )
    if limits.thread_error == os.strerror(errno.EPERM):
        return Shortage(
            "refused",
            found,
            "an old Docker or libseccomp refuses the system call clone3, which starts threads",
            "update Docker to 20.10.10 and libseccomp to 2.5 or newer on the host, or start the "
            "container with --security-opt seccomp=unconfined",
        )
    if (limits.stack_bytes or 0) > HUGE_STACK_BYTES:
        stack = format_bytes(limits.stack_bytes or 0)
        return Shortage(
            "stack",
            found,
            f"each has a stack of {stack}, from OMP_STACKSIZE or the stack limit",
            "unset OMP_STACKSIZE, or lower the limit with ulimit -s",
        )
    if limits.pids_left is not None and limits.pids_left < limits.threads_wanted:
        return Shortage(
            "pids",
            found,
            f"the control group allows {limits.pids_left} more threads and processes",
            "start the container with a larger --pids-limit",
        )
    limit = "" if limits.user_limit is None else f" (this user's limit is {limits.user_limit})"
    return Shortage(
        "few",
        found,
        f"the system allows no more threads or processes{limit}",
        "raise the limit with ulimit -u, or start the container with a larger --ulimit nproc",
    )


def import_shortage(found: ImportLimits | None, limits: Limits | None) -> Shortage | None:
    """Return which memory limit is too low to import PyTorch; None if none is."""
    available = limits.available_bytes if limits else None
    for case, what, least, most, fix in (
        (
            "address",
            "address space",
            found.address_bytes if found else None,
            ADDRESS_BYTES,
            "run ulimit -v unlimited",
        ),
        (
            "data",
            "memory for data",
            found.data_bytes if found else None,
            DATA_BYTES,
            "run ulimit -d unlimited",
        ),
        (
            "import",
            "memory",
            available,
            IMPORT_BYTES,
            "stop other programs, or start the container with a larger --memory",
        ),
    ):
        if least is not None and least < most:
            return Shortage(
                case,
                f"only {format_bytes(least)} of {what} available",
                f"the import of PyTorch alone takes {format_bytes(most)}",
                fix,
            )
    return None


def _limit(kind: int) -> int | None:
    limit = resource.getrlimit(kind)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\s*[0-9]{1,6}\s*", text) else None
