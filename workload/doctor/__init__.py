"""What is true of this machine, whether PyTorch can work here, and what to do if not.

Facts are gathered once (`facts`), verdicts are pure functions of them (`checks`), and the
words for a person stand in one table (`wording`).
"""

from workload.doctor.checks import judge
from workload.doctor.facts import Facts, gather
from workload.doctor.wording import word
from workload.errors import ExitCode
from workload.results import Finding, State


def examine(requested_device: str) -> tuple[Facts, tuple[Finding, ...]]:
    """The facts about this machine and one finding a check, causes before consequences."""
    facts = gather(requested_device)
    return facts, word(judge(facts))


def exit_code(findings: tuple[Finding, ...]) -> ExitCode:
    """UNFIT if a check failed or none ran; what could not be told is no failure."""
    unfit = not findings or any(finding.state is State.FAIL for finding in findings)
    return ExitCode.UNFIT if unfit else ExitCode.OK
