"""The check of the environment variables that change speed or bits."""

from workload.core.models.facts import Facts
from workload.core.variables import effects, set_variables
from workload.doctor.checks.check import CheckResult, check, known, passed, warned


@check(
    "environment",
    asks="Do environment variables change the speed or the bits of results?",
    why="results differ from those of other machines, and from this one's without them",
    fix="unset what is not set on purpose",
    link="https://docs.pytorch.org/docs/stable/torch_environment_variables.html",
)
def variables(facts: Facts) -> CheckResult:
    """Look the variables up in `core/variables.toml`."""
    usable_threads = facts.limits.usable_threads if facts.limits else None
    gnu_openmp = bool(facts.torch_files and facts.torch_files.gnu_openmp)
    set_here = set_variables(known(facts.environment), usable_threads, gnu_openmp=gnu_openmp)
    found = effects(set_here, *_devices(facts))
    if found:
        return warned(found, case="set")
    return passed("no environment variable changes speed or bits")


def _devices(facts: Facts) -> list[str]:
    """Return what results there may be: of the CPU, of a GPU, of several."""
    seen = (source.gpus for source in (facts.driver, facts.torch) if source)
    gpus = 0 if facts.requested_device == "cpu" else max(map(len, seen), default=0)
    return ["cpu", *["cuda"][:gpus], *["nccl"][: max(0, gpus - 1)]]
