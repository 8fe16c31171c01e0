"""Verdicts about what surrounds PyTorch: processor, folders, disk, compiler, clock. Pure."""

import errno
import os
from datetime import UTC, datetime

from workload.doctor.checks.gpu_needs import cuda_started, insisted
from workload.doctor.checks.verdicts import Check, Outcome, failed, known, passed, unknown, warned
from workload.doctor.probes.facts import Facts
from workload.doctor.probes.folders import Folder
from workload.hardware.compilers import Compilers, fix

# A record is under 1 MB, what torch.compile keeps of one model some 10 MB; a rule of thumb.
ENOUGH_DISK_BYTES = 100_000_000
FULL = os.strerror(errno.ENOSPC)
# No clock is right that is before the day these lines were written.
WRITTEN_SEC = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
SKEW_SEC = 60.0
# The hardware clock may keep local time, which is off by quarters of an hour.
QUARTER_SEC = 900.0
ROSETTA = "VirtualApple"
# What torch.compile loads libraries from; the temporary folder where none is set.
LOADED_FROM = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TMPDIR")


def judge_architecture(facts: Facts) -> Outcome:
    """Is this processor the one that the programs here are built for?"""
    vendor, machine = known(facts.cpu).vendor, known(facts.system).machine
    if vendor is None:
        return unknown("unknown", machine=machine)
    is_arm, wants_arm = vendor.startswith("0x"), machine.startswith(("aarch64", "arm"))
    emulated = is_arm != wants_arm or vendor == ROSETTA
    values = {"machine": machine, "host": "Arm" if is_arm or vendor == ROSETTA else "x86"}
    return warned("emulated", **values) if emulated else passed(**values)


def judge_disk(facts: Facts) -> Outcome:
    """Is there room for records, checkpoints and caches?"""
    folders = known(facts.folders)
    full = [folder.path for folder in folders if folder.problem == FULL]
    if full:
        return failed("full", path=full[0])
    told = [
        (folder.free_bytes, folder.path)
        for folder in folders
        if folder.problem is None and folder.free_bytes is not None
    ]
    if not told:
        return unknown("unknown")
    free_bytes, path = min(told)
    values = {"free_bytes": free_bytes, "path": path}
    return warned("little", **values) if free_bytes < ENOUGH_DISK_BYTES else passed(**values)


def judge_compiler(facts: Facts) -> Outcome:
    """Can torch.compile build kernels: a C compiler for a GPU, C++ for a CPU, and Python.h?"""
    on_gpu = cuda_started(facts) or insisted(facts)
    compilers = known(facts.compilers)
    found = compilers.c if on_gpu else compilers.cxx
    if found and compilers.headers:
        return passed(compiler=found)
    compiler = "C compiler" if on_gpu else "C++ compiler"
    missing = "Python.h" if found else compiler
    return warned("missing", missing=missing, fix=fix(facts.environment or {}))


def _has_compiler(compilers: Compilers) -> bool:
    return bool(compilers.headers and (compilers.c or compilers.cxx))


def judge_caches(facts: Facts) -> Outcome:
    """Can torch.compile write its caches and load libraries from them?"""
    caches = _caches(facts)
    closed = [folder for folder in caches if folder.problem]
    if closed:
        return warned("not_writable", path=closed[0].path, problem=closed[0].problem)
    noexec = [folder for folder in caches if folder.executable is False]
    if noexec and _has_compiler(known(facts.compilers)):
        return warned("noexec", path=noexec[0].path)
    return passed(paths=", ".join(dict.fromkeys(folder.path for folder in caches)))


def _caches(facts: Facts) -> list[Folder]:
    by_purpose = {folder.purpose: folder for folder in known(facts.folders)}
    return [by_purpose[purpose] for purpose in LOADED_FROM if purpose in by_purpose]


def judge_clock(facts: Facts) -> Outcome:
    """Is the time right, as far as this machine can tell without a network?"""
    clock = known(facts.clock)
    if clock.now_sec < WRITTEN_SEC:
        return warned("behind", now=datetime.fromtimestamp(clock.now_sec, UTC).date())
    skew_sec = None if clock.hardware_sec is None else _skew_sec(clock.now_sec, clock.hardware_sec)
    if skew_sec is not None and skew_sec > SKEW_SEC and not clock.synchronized:
        return warned("skewed", skew=round(skew_sec))
    return unknown("unknown") if skew_sec is None and not clock.synchronized else passed()


def _skew_sec(now_sec: float, hardware_sec: float) -> float:
    """Seconds apart, but for whole quarters of an hour within a day: the time zone."""
    apart = abs(now_sec - hardware_sec)
    zone = round(apart / QUARTER_SEC) * QUARTER_SEC
    return abs(apart - zone) if zone <= 14 * 3600 else apart


CAUSES = (
    Check("architecture", judge_architecture),
    Check("disk", judge_disk),  # before tmp, which a full disk closes
)
SURROUNDINGS_CHECKS = (
    Check("compiler", judge_compiler),
    Check("compile-cache", judge_caches),
    Check("clock", judge_clock),
)
