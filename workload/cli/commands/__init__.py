"""The commands: each takes the session, does its work and returns the exit code."""

from workload.cli.session import Session
from workload.core.results import DeviceInfo
from workload.report.terminal import summary


def announce(session: Session, device: DeviceInfo) -> None:
    """Record the device, and say which it is and why."""
    session.builder.set("device", device)
    session.info(summary.device_line(device))
