"""All checks, in the order in which causes come before their consequences. Pure."""

from workload.doctor.checks.driver import DRIVER_CHECKS, START_CHECKS
from workload.doctor.checks.gpu import CARD_CHECKS, SETTING_CHECKS
from workload.doctor.checks.kernels import KERNEL_CHECKS
from workload.doctor.checks.libraries import LIBRARY_CHECKS, PACKAGE_CHECKS
from workload.doctor.checks.machine import FACTS_CHECK, FIRST_CHECKS, LAST_CHECKS
from workload.doctor.checks.stress import DEEP_CHECKS
from workload.doctor.checks.surroundings import CAUSES, SURROUNDINGS_CHECKS
from workload.doctor.checks.verdicts import Check, Verdict, run_checks
from workload.doctor.probes.facts import Facts

CHECKS: tuple[Check, ...] = (
    FACTS_CHECK,  # before those that miss one
    *CAUSES,
    *FIRST_CHECKS,
    *DRIVER_CHECKS,
    *SETTING_CHECKS,
    *LIBRARY_CHECKS,
    *START_CHECKS,
    *KERNEL_CHECKS,
    *CARD_CHECKS,
    *LAST_CHECKS,
    *SURROUNDINGS_CHECKS,
    *PACKAGE_CHECKS,
    *DEEP_CHECKS,
)


def judge(facts: Facts) -> tuple[Verdict, ...]:
    """One verdict a check, in their order."""
    return run_checks(CHECKS, facts)
