"""Run the numerical checks, and record them."""

from collections.abc import Sequence

from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.models.verify import VerifyResult
from workload.verify import verify


def verify_and_record(
    session: Session, device: DeviceInfo, dtypes: Sequence[str] | None = None
) -> list[VerifyResult]:
    """Run all checks, and record each result as soon as it is known."""
    checks: list[VerifyResult] = []
    with progress("verify", None) as advance:
        for check in verify(device, dtypes):
            checks.append(check)
            session.builder.set("verify", checks)
            advance(0, f"{check.name} {check.dtype}")
    return checks


def exit_code_of_checks(session: Session, checks: Sequence[VerifyResult]) -> ExitCode:
    """Print an error line and return WRONG_NUMBERS if a check failed, or UNFIT if none ran."""
    wrong = [check for check in checks if not check.ok]
    if not checks:
        session.error("no check ran: nothing is verified")
        return ExitCode.UNFIT
    if wrong:
        names = ", ".join(f"{check.name} {check.dtype}" for check in wrong)
        session.error(
            f"wrong numbers in {names}: do not trust the results of this device; "
            "run `workload doctor`, then try another driver or GPU"
        )
        return ExitCode.WRONG_NUMBERS
    return ExitCode.OK
