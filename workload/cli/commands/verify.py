"""`workload verify`: does this device compute what it should?"""

from workload.cli.commands import announce
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core.errors import ExitCode
from workload.core.results import Check, DeviceInfo
from workload.hardware import devices
from workload.report.terminal import summary
from workload.verify import verify


def command(session: Session) -> ExitCode:
    """Compare with float64 on the CPU and print worst error against tolerance."""
    device = devices.resolve(session.arguments.device)
    announce(session, device)
    checks = verify_and_record(session, device, session.arguments.dtypes)
    session.info(summary.checks_table(checks), summary.checks_line(checks))
    return judge(session, checks)


def verify_and_record(
    session: Session, device: DeviceInfo, dtypes: list[str] | None = None
) -> list[Check]:
    """All checks; each is in the builder as soon as it is known."""
    checks: list[Check] = []
    with progress("verify", 1) as advance:

        def keep(check: Check) -> None:
            checks.append(check)
            session.builder.set("checks", checks)
            advance(0, f"{check.name} {check.dtype}")

        verify(device, dtypes, keep)
    return checks


def judge(session: Session, checks: list[Check]) -> ExitCode:
    """WRONG_NUMBERS and a line if a check failed, UNFIT if none ran."""
    wrong = [check for check in checks if not check.ok]
    if not checks:
        session.error("no check ran: nothing is verified")
        return ExitCode.UNFIT
    if wrong:
        names = ", ".join(f"{check.name} {check.dtype}" for check in wrong)
        session.error(
            f"wrong numbers in {names}: do not trust results of this device; "
            "run `workload doctor`, then try another driver or card"
        )
        return ExitCode.WRONG_NUMBERS
    return ExitCode.OK
