"""Verdicts about PyTorch itself, the container's limits and the user. Pure."""

from collections.abc import Iterable

from workload.doctor.checks.verdicts import (
    WRONG,
    Check,
    Need,
    Outcome,
    failed,
    known,
    passed,
    unknown,
    warned,
)
from workload.doctor.probes.facts import QUICK, Facts
from workload.doctor.probes.kernels import KernelRun

# Free host memory that small work wants once PyTorch is imported; a rule of thumb.
# CUDA's libraries and pinned buffers take more of it than the CPU's own.
ENOUGH_MEMORY_BYTES = {"cpu": 500_000_000, "cuda": 2_000_000_000}
# NCCL's troubleshooting guide: "--shm-size=1g"; Docker's own 64 MB end in a bus error.
ENOUGH_SHM_BYTES = 1_000_000_000

LOOKED = Need("quick", lambda facts: facts.depth != QUICK)
TORCH = (LOOKED, Need("torch-missing", lambda facts: facts.torch is not None))


def judge_facts(facts: Facts) -> Outcome:
    """Could everything be read that the doctor looks at?"""
    reasons = [f"{fact} ({reason})" for fact, reason in facts.unread.items()]
    return failed("unread", facts=", ".join(reasons)) if reasons else passed()


def judge_tmp(facts: Facts) -> Outcome:
    """Can temporary files be written? A failure where PyTorch's import failed as well."""
    tmp = known(facts.user).tmp
    if known(facts.user).tmp_writable:
        return passed(tmp=tmp)
    import_failed = facts.torch is None and facts.depth != QUICK
    return (failed if import_failed else warned)("not_writable", tmp=tmp)


def judge_import(facts: Facts) -> Outcome:
    """Can PyTorch be imported?"""
    if facts.torch_signal:
        return failed("died", signal=facts.torch_signal)
    if facts.torch is None:
        return failed("broken", error=facts.torch_error)
    return passed(version=facts.torch.version, built_for=facts.torch.built_for)


def judge_cpu_kernel(facts: Facts) -> Outcome:
    """Did a real product on the CPU come out right?"""
    return judge_run(known(facts.torch).kernels, "product", "cpu")


def judge_run(runs: Iterable[KernelRun], operation: str, kind: str) -> Outcome:
    """Whether an operation on a device of this kind ran, and every element came out right."""
    found = [run for run in runs if run.operation == operation and run.device.startswith(kind)]
    if not found:
        return failed("not_run")
    run = found[0]
    if run.wrong is None:
        return failed("error", device=run.device, error=run.error)
    values = {"device": run.device, "elements": run.elements, "wrong": run.wrong}
    return failed(WRONG, **values) if run.wrong else passed(**values)


def judge_threads(facts: Facts) -> Outcome:
    """Do PyTorch's threads fit the CPUs this process may use?"""
    threads, limits = known(facts.torch).threads, known(facts.limits)
    values = {"threads": threads, "usable": limits.usable_threads, "quota": limits.cpu_quota}
    if threads > limits.usable_threads:
        return warned("too_many", **values)
    return passed(**values)


def judge_memory(facts: Facts) -> Outcome:
    """Is there memory enough to start?"""
    limits = known(facts.limits)
    available_bytes, limit_bytes = limits.available_bytes, limits.memory_limit_bytes
    if available_bytes is None:
        return unknown("unknown")
    needed_bytes = ENOUGH_MEMORY_BYTES["cuda" if facts.torch and facts.torch.gpus else "cpu"]
    values = {
        "available_bytes": available_bytes,
        "limit_bytes": limit_bytes,
        "needed_bytes": needed_bytes,
    }
    if available_bytes >= needed_bytes:
        return passed(**values)
    return warned("little" if limit_bytes is None else "little_in_container", **values)


def judge_shm(facts: Facts) -> Outcome:
    """Is /dev/shm large enough for PyTorch's worker processes and NCCL?"""
    shm_bytes = known(facts.limits).shm_bytes
    if shm_bytes is None:
        return unknown("unknown")
    if shm_bytes >= ENOUGH_SHM_BYTES:
        return passed(shm_bytes=shm_bytes)
    return warned("small", shm_bytes=shm_bytes)


def judge_home(facts: Facts) -> Outcome:
    """Can caches be written below HOME?"""
    user = known(facts.user)
    home = user.home or "HOME (not set)"
    return passed(home=home) if user.home_writable else warned("not_writable", home=home)


def judge_passwd(facts: Facts) -> Outcome:
    """Has the user a name? torch.compile's cache asks for one."""
    user = known(facts.user)
    named = user.has_passwd_entry or user.has_name_in_environment
    return passed(uid=user.uid) if named else warned("nameless", uid=user.uid)


FACTS_CHECK = Check("facts", judge_facts)
FIRST_CHECKS = (
    Check("tmp", judge_tmp),  # before torch-import, which may fail without it
    Check("torch-import", judge_import, (LOOKED,)),
)
LAST_CHECKS = (
    Check("cpu-kernel", judge_cpu_kernel, TORCH),
    Check("cpu-threads", judge_threads, TORCH),
    Check("memory", judge_memory),
    Check("shm", judge_shm),
    Check("home", judge_home),
    Check("passwd", judge_passwd),
)
