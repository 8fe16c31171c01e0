"""All checks, in the order in which causes come before their consequences. Pure."""

from workload.doctor.facts import Facts
from workload.doctor.gpu_checks import GPU_CHECKS
from workload.doctor.machine_checks import FIRST_CHECKS, LAST_CHECKS
from workload.doctor.verdicts import Check, Verdict, run_checks

CHECKS: tuple[Check, ...] = (*FIRST_CHECKS, *GPU_CHECKS, *LAST_CHECKS)


def judge(facts: Facts) -> tuple[Verdict, ...]:
    """One verdict a check, in their order."""
    return run_checks(CHECKS, facts)
