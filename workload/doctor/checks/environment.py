"""Checks of environment variables and of the number of threads."""

from workload.core.models.facts import Facts
from workload.core.units import plural
from workload.core.variables import effects, set_variables
from workload.doctor.checks.check import CheckResult, check, known, passed, warned
from workload.doctor.checks.gpu_needs import TORCH
from workload.hardware.openmp import team_limit


@check(
    "environment",
    asks="Do environment variables change the speed or the bits of results?",
    why="results differ from those of a machine on which the variables are not set",
    fix="unset the variables that you did not set on purpose",
    link="https://docs.pytorch.org/docs/stable/torch_environment_variables.html",
)
def variables(facts: Facts) -> CheckResult:
    """Warn if a variable in `core/variables.toml` changes the speed or the bits of results."""
    usable_threads = facts.limits.usable_threads if facts.limits else None
    gnu_openmp = bool(facts.torch_files and facts.torch_files.gnu_openmp)
    set_here = set_variables(known(facts.environment), usable_threads, gnu_openmp=gnu_openmp)
    found = effects(set_here, *_devices(facts))
    if found:
        return warned(found, case="set")
    return passed("no environment variable changes the speed or the bits of results")


def _devices(facts: Facts) -> list[str]:
    """Return the devices whose results may change; "nccl" stands for several GPUs."""
    seen = (source.gpus for source in (facts.driver, facts.torch) if source)
    gpus = 0 if facts.requested_device == "cpu" else max(map(len, seen), default=0)
    return ["cpu", *["cuda"][:gpus], *["nccl"][: max(0, gpus - 1)]]


@check(
    "cpu-threads",
    asks="Is the number of PyTorch's threads right for the usable CPUs?",
    why="threads beyond the CPU quota slow each other down",
    fix="set OMP_NUM_THREADS to the number of usable CPUs (workload does so itself)",
    link="https://docs.docker.com/engine/containers/resource_constraints/",
    needs=TORCH,
)
def cpu_threads(facts: Facts) -> CheckResult:
    """Compare PyTorch's thread count with the CPUs that this process may use."""
    torch, usable = known(facts.torch), known(facts.limits).usable_threads
    threads = torch.threads
    team, variable = team_limit(known(facts.environment)) or (threads, "")
    if team < threads:
        return warned(
            f"PyTorch requests {plural(threads, 'thread')}, but with {variable} OpenMP runs {team}",
            case="fewer",
            why="oneDNN then does not compute parts of bfloat16 matmuls and of the gradients of "
            "convolutions, so results are wrong",
            fix=f"unset {variable.partition('=')[0]}, or set OMP_NUM_THREADS={team} in your own "
            "programs (workload does so itself)",
        )
    if torch.binding:
        return warned(
            torch.binding,
            case="bound",
            why="threads on one CPU wait for each other, and programs that this process starts "
            "stay on the CPUs of the main thread",
            fix="unset the variable, unless each process should have its own CPUs",
            link="https://gcc.gnu.org/onlinedocs/libgomp/Environment-Variables.html",
        )
    if threads <= usable:
        return passed(f"{threads} of {usable} usable threads")
    return warned(
        f"PyTorch uses {threads} threads, but the container has CPU time for {usable}",
        case="too_many",
        fix=f"set OMP_NUM_THREADS={usable} in your own programs (workload does so itself)",
    )
