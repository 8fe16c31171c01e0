"""`workload verify`: check the results of a device."""

from workload.cli.options import VerifyOptions
from workload.cli.session import Session
from workload.cli.steps.device import announce
from workload.cli.steps.variables import warn_of_variables
from workload.cli.steps.verify import exit_code_of_checks, verify_and_record
from workload.core.errors import ExitCode
from workload.hardware import devices
from workload.report.terminal import summary


def command(session: Session, options: VerifyOptions) -> ExitCode:
    """Compare results with float64 on the CPU; print a line per dtype and the verdict."""
    device = devices.resolve(options.device)
    announce(session, device)
    warn_of_variables(session, device.kind)
    checks = verify_and_record(session, device, options.dtypes)
    if options.verbose:
        session.info(summary.checks_table(checks), "")
    session.info(*summary.checks_lines(checks))
    code = exit_code_of_checks(session, checks)
    session.info("", summary.checks_verdict(code, device, checks))
    return code
