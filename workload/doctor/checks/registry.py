"""All checks, in the order in which they run: causes before their consequences.

A check that crashes counts as failed.
"""

import difflib
from collections.abc import Iterable
from dataclasses import replace

from workload.core.errors import BadInputError
from workload.core.models.facts import Facts
from workload.core.models.finding import Finding
from workload.doctor.checks import (
    driver,
    driver_files,
    environment,
    gpu,
    gpu_health,
    kernels,
    libraries,
    machine,
    pytorch,
    stress,
    torch_compile,
)
from workload.doctor.checks.check import (
    REPORT,
    Check,
    Explanation,
    MissingFactError,
    failed,
    unknown,
)

CHECKS: tuple[Check, ...] = (
    machine.facts_read,  # first: the others need facts
    machine.architecture,
    machine.threads,  # before torch-import, which fails without them
    machine.disk,  # before tmp: a full disk is not writable
    machine.tmp,  # before torch-import, which may fail without it
    pytorch.torch_import,
    pytorch.torch_build,
    driver_files.device_nodes,  # before gpu-driver: NVML opens these files
    driver.gpu_driver,
    driver_files.cuda_library,
    driver.driver_version,
    gpu_health.recovery_action,
    gpu_health.fabric,
    gpu.mig,
    gpu.compute_mode,
    gpu.gpu_shared,
    gpu.ecc,
    gpu.row_remap,
    libraries.library_path,
    libraries.cuda_libraries,
    pytorch.cuda_start,
    pytorch.device_index,
    pytorch.compute_capability,
    pytorch.cudnn,
    kernels.gpu_kernel,
    kernels.cublas,
    kernels.cudnn_convolution,
    kernels.peer_access,
    kernels.nccl,
    gpu_health.sram_ecc,
    gpu_health.xid,
    gpu_health.power_limit,
    gpu.throttle,
    gpu.persistence,
    gpu.pcie,
    kernels.cpu_kernel,
    environment.cpu_threads,
    environment.variables,
    machine.memory,
    machine.shm,
    torch_compile.home,
    torch_compile.passwd,
    torch_compile.compiler,
    torch_compile.compile_cache,
    machine.clock,
    libraries.lock,
    stress.burn_in,
    stress.memory_pattern,
    stress.burn_watch,
)


CRASHED = Explanation(
    "crashed",
    asks="Did the check run to its end?",
    why="its result is unknown",
    fix=REPORT,
)


def run_all(facts: Facts, checks: Iterable[Check] = CHECKS) -> tuple[Finding, ...]:
    """Return one finding for each check, in the order of the checks.

    A check that crashes fails with the id `ID-crashed`. If the facts that a check needs could not
    be read, its result is unknown, and the check `facts` fails.
    """
    return tuple(_run(check, facts) for check in checks)


def _run(check: Check, facts: Facts) -> Finding:
    try:
        return check.finding(check.run(facts))
    except Exception as error:  # a bug in one check must not hide the results of the others
        if isinstance(error, MissingFactError) and facts.unread:
            return check.finding(unknown("its facts could not be read", case="unread"))
        crashed = replace(check, explanation=replace(CRASHED, id=f"{check.id}-{CRASHED.id}"))
        found = f"the check crashed ({type(error).__name__}: {error})"
        return crashed.finding(failed(found, case=CRASHED.id))


def explain(id_: str) -> Explanation:
    """Return the explanation of a check. Raises BadInputError if the id is unknown."""
    explanations = {check.id: check.explanation for check in CHECKS}
    if id_ == CRASHED.id or id_.endswith(f"-{CRASHED.id}"):
        return replace(CRASHED, id=id_)
    if id_ not in explanations:
        close = ", ".join(difflib.get_close_matches(id_, explanations))
        hint = f"did you mean {close}? " if close else ""
        raise BadInputError(
            f"there is no check {id_!r}; {hint}`workload doctor explain` lists all checks"
        )
    return explanations[id_]
