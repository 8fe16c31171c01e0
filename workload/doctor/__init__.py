"""What is true of this machine, whether PyTorch can work here, and what to do if not.

Facts are gathered once (`facts`), verdicts are pure functions of them (`checks`), and the
words for a person stand in one table (`wording`).
"""

from workload.core.errors import ExitCode
from workload.core.results import Finding, State
from workload.doctor.checks.registry import judge
from workload.doctor.checks.verdicts import WRONG
from workload.doctor.checks.wording import word
from workload.doctor.probes.facts import DEFAULT, Facts, gather


def examine(requested_device: str, depth: str = DEFAULT) -> tuple[Facts, tuple[Finding, ...]]:
    """The facts about this machine and one finding a check, causes before consequences."""
    facts = gather(requested_device, depth=depth)
    return facts, word(judge(facts))


def exit_code(findings: tuple[Finding, ...], strict: bool = False) -> ExitCode:
    """WRONG_NUMBERS for a wrong element, UNFIT if a check failed or none ran.

    What could not be told is a failure where `strict`.
    """
    failed = [finding for finding in findings if finding.state is State.FAIL]
    if any(finding.case == WRONG for finding in failed):
        return ExitCode.WRONG_NUMBERS
    untold = any(finding.state is State.UNKNOWN for finding in findings)
    unfit = not findings or failed or (strict and untold)
    return ExitCode.UNFIT if unfit else ExitCode.OK
