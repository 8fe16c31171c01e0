"""Facts about this machine, and whether PyTorch works on it.

`probes` read the facts once, `checks` judge them, `stress` runs the `--deep` tests.
"""

from workload.core.errors import ExitCode
from workload.core.models.finding import Finding, State
from workload.doctor.checks.check import WRONG


def exit_code(findings: tuple[Finding, ...], strict: bool = False) -> ExitCode:
    """Return WRONG_NUMBERS for a mismatch, UNFIT if another check failed or none ran, otherwise OK.

    With `strict`, an unknown result is a failure.
    """
    failed = [finding for finding in findings if finding.state is State.FAIL]
    if any(finding.case == WRONG for finding in failed):
        return ExitCode.WRONG_NUMBERS
    has_unknown = any(finding.state is State.UNKNOWN for finding in findings)
    unfit = not findings or failed or (strict and has_unknown)
    return ExitCode.UNFIT if unfit else ExitCode.OK
