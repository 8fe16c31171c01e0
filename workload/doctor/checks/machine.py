"""Checks of the machine or container: facts, CPU, threads, disk, memory and clock."""

import errno
import os
from datetime import UTC, datetime

from workload.core.models.facts import QUICK, Facts
from workload.core.units import format_bytes, plural
from workload.doctor.checks.check import (
    REPORT,
    CheckResult,
    check,
    failed,
    known,
    not_applicable,
    passed,
    unknown,
    warned,
)
from workload.hardware.import_limits import thread_shortage
from workload.hardware.processor import actual_cpu, emulated_on

# A rule of thumb: a record is under 1 MB; the torch.compile cache of one model is about 10 MB.
ENOUGH_DISK_BYTES = 100_000_000
FULL = os.strerror(errno.ENOSPC)
# A rule of thumb for the host memory that a small job needs after the import of PyTorch. With CUDA
# it needs more, for libraries and pinned buffers.
ENOUGH_MEMORY_BYTES = {"cpu": 500_000_000, "cuda": 2_000_000_000}
# NCCL's troubleshooting guide: "--shm-size=1g". Docker's default of 64 MB causes a bus error.
ENOUGH_SHM_BYTES = 1_000_000_000
# The date on which this line was written. A clock that shows an earlier date is wrong.
WRITTEN_SEC = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
SKEW_SEC = 60.0
# The hardware clock may be set to local time. Time zones differ by multiples of 15 minutes.
QUARTER_SEC = 900.0


@check(
    "facts",
    asks="Could all facts about this machine be read?",
    why="the results of checks that need these facts are unknown",
    fix=REPORT,
    link="https://docs.kernel.org/filesystems/proc.html",
)
def facts_read(facts: Facts) -> CheckResult:
    """Check that no probe crashed."""
    if not facts.unread:
        return passed("all facts were read")
    unread = ", ".join(f"{fact} ({reason})" for fact, reason in facts.unread.items())
    return failed(f"could not read {unread}", case="unread")


@check(
    "architecture",
    asks="Is this software built for the CPU's architecture?",
    why="an emulated CPU is many times slower, supports fewer instructions and cannot use a GPU",
    fix="pull or build the image for this CPU; use --platform with docker pull or docker build",
    link="https://docs.docker.com/build/building/multi-platform/",
)
def architecture(facts: Facts) -> CheckResult:
    """Compare the CPU with the architecture that the programs are built for."""
    cpu, machine = known(facts.cpu), known(facts.system).machine
    emulator = emulator_of(facts)
    if emulator:
        return warned(f"{machine} programs run emulated on {emulator}", case="emulated")
    actual = actual_cpu(cpu.vendor, cpu.kernel_machine)
    if actual is None:
        return unknown(f"the CPU vendor is not reported by this {machine} system")
    return passed(f"{machine} programs run on {actual}")


def emulator_of(facts: Facts) -> str | None:
    """Return the kind of the real CPU if this one is emulated; None if it is not, or if unknown."""
    cpu, system = facts.cpu, facts.system
    if cpu is None or system is None:
        return None
    return emulated_on(system.machine, cpu.vendor, cpu.kernel_machine)


@check(
    "threads",
    asks="Can this process start the threads that PyTorch needs?",
    why="OpenMP ends the process if a thread does not start",
    fix="allow this container or user more processes",
    link="https://docs.docker.com/reference/cli/docker/container/run/#ulimit",
)
def threads(facts: Facts) -> CheckResult:
    """Check that all threads that PyTorch needs could be started."""
    found = known(facts.import_limits)
    shortage = thread_shortage(found)
    if shortage is None:
        return passed(f"{plural(found.threads_wanted, 'thread')} could be started")
    return failed(shortage.found, case=shortage.case, why=shortage.why, fix=shortage.fix)


@check(
    "disk",
    asks="Is there enough disk space for records, checkpoints and caches?",
    why="records and checkpoints could not be saved",
    fix="free disk space, choose another folder with TMPDIR or --output, or start the container "
    "with a larger tmpfs",
    link="https://docs.docker.com/engine/manage-resources/pruning/",
)
def disk(facts: Facts) -> CheckResult:
    """Check the free space of the folder with the least free space."""
    folders = known(facts.folders)
    full = [folder.path for folder in folders if folder.problem == FULL]
    if full:
        return failed(f"no space left at {full[0]}", case="full")
    free = [
        (folder.free_bytes, folder.path)
        for folder in folders
        if folder.problem is None and folder.free_bytes is not None
    ]
    if not free:
        return unknown("free disk space is not reported")
    free_bytes, path = min(free)
    if free_bytes < ENOUGH_DISK_BYTES:
        return warned(f"only {format_bytes(free_bytes)} free at {path}", case="little")
    return passed(f"{format_bytes(free_bytes)} free at {path}")


@check(
    "tmp",
    asks="Is the temporary folder writable?",
    why="worker processes, torch.compile and the import of some PyTorch builds need it",
    fix="start a read-only container with --tmpfs /tmp, or set TMPDIR to a writable folder",
    link="https://docs.docker.com/engine/storage/tmpfs/",
)
def tmp(facts: Facts) -> CheckResult:
    """Check that the temporary folder is writable. Fail only if PyTorch's import failed too."""
    user = known(facts.user)
    if user.tmp_writable:
        return passed(f"{user.tmp} is writable")
    import_failed = facts.torch is None and facts.depth != QUICK
    result = failed if import_failed else warned
    return result(f"the temporary folder {user.tmp} is not writable", case="not_writable")


@check(
    "memory",
    asks="Is there enough free host memory?",
    why="the kernel kills a process that runs out of memory; in a container there is no message",
    fix="stop other programs, use a larger machine, or start the container with a larger --memory",
    link="https://docs.docker.com/engine/containers/resource_constraints/",
)
def memory(facts: Facts) -> CheckResult:
    """Compare the available memory with what a small job on the device needs."""
    limits = known(facts.limits)
    available_bytes, limit_bytes = limits.available_bytes, limits.memory_limit_bytes
    if available_bytes is None:
        return unknown("available memory is not reported")
    available = format_bytes(available_bytes)
    needed_bytes = ENOUGH_MEMORY_BYTES["cuda" if facts.torch and facts.torch.gpus else "cpu"]
    if available_bytes >= needed_bytes:
        return passed(f"{available} of memory available")
    why = f"a small job on this device needs about {format_bytes(needed_bytes)} of free host memory"
    if limit_bytes is None:
        fix = "stop other programs, or use a larger machine"
        return warned(f"only {available} of memory available", case="little", why=why, fix=fix)
    return warned(
        f"only {available} of the container's {format_bytes(limit_bytes)} of memory available",
        case="little_in_container",
        why=why,
        fix="start the container with a larger --memory",
    )


@check(
    "shm",
    asks="Is /dev/shm large enough for PyTorch's worker processes and NCCL?",
    why="PyTorch's worker processes and NCCL end with a bus error when /dev/shm is full",
    fix="start the container with --shm-size=1g or --ipc=host",
    link="https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",
)
def shm(facts: Facts) -> CheckResult:
    """Check the size of the shared memory."""
    shm_bytes = known(facts.limits).shm_bytes
    if shm_bytes is None:
        return unknown("there is no /dev/shm")
    if shm_bytes < ENOUGH_SHM_BYTES:
        return warned(f"/dev/shm has only {format_bytes(shm_bytes)}", case="small")  # noqa: S108  a text
    return passed(f"/dev/shm has {format_bytes(shm_bytes)}")  # noqa: S108  a text


@check(
    "clock",
    asks="Is the clock right, as far as this can be checked without a network?",
    why="times in records are wrong, and downloads fail because certificates seem invalid",
    fix="set the host's clock; a container uses it too:\ntimedatectl set-ntp true",
    link="https://www.freedesktop.org/software/systemd/man/latest/timedatectl.html",
)
def clock(facts: Facts) -> CheckResult:
    """Compare the clock with the hardware clock and with WRITTEN_SEC."""
    found = known(facts.clock)
    now_sec, hardware_sec = found.now_sec, found.hardware_sec
    if now_sec < WRITTEN_SEC:
        date = datetime.fromtimestamp(now_sec, UTC).date()
        return warned(f"the clock shows {date}, before this software was written", case="behind")
    skew_sec = None if hardware_sec is None else _skew_sec(now_sec, hardware_sec)
    if found.synchronized or (skew_sec is not None and skew_sec <= SKEW_SEC):
        return passed("the clock is synchronized or agrees with the hardware clock")
    if skew_sec is not None:
        return warned(
            f"the clock differs from the hardware clock by {skew_sec:.0f} s", case="skewed"
        )
    if known(facts.system).container:
        return not_applicable("a container uses the clock of its host", case="container")
    return unknown("the clock cannot be checked without a time server or a hardware clock")


def _skew_sec(now_sec: float, hardware_sec: float) -> float:
    """Return the clocks' difference in seconds, ignoring a time-zone offset of up to 14 hours."""
    difference = abs(now_sec - hardware_sec)
    zone = round(difference / QUARTER_SEC) * QUARTER_SEC
    return abs(difference - zone) if zone <= 14 * 3600 else difference
