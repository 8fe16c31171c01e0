"""All checks, in the order in which causes come before their consequences. Pure."""

from workload.doctor.card_checks import CARD_CHECKS, SETTING_CHECKS
from workload.doctor.deep_checks import DEEP_CHECKS
from workload.doctor.facts import Facts
from workload.doctor.gpu_checks import DRIVER_CHECKS, START_CHECKS
from workload.doctor.kernel_checks import KERNEL_CHECKS
from workload.doctor.library_checks import LIBRARY_CHECKS, PACKAGE_CHECKS
from workload.doctor.machine_checks import FACTS_CHECK, FIRST_CHECKS, LAST_CHECKS
from workload.doctor.surroundings_checks import CAUSES, SURROUNDINGS_CHECKS
from workload.doctor.verdicts import Check, Verdict, run_checks

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
