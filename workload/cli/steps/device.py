"""The device of a command, recorded and shown."""

from workload.cli.session import Session
from workload.core.models.device import DeviceInfo
from workload.report.terminal import summary


def announce(session: Session, device: DeviceInfo) -> None:
    """Record the device, and show which it is and why."""
    session.builder.set("device", device)
    session.info(
        summary.device_line(device),
        *summary.emulation_lines(device),
        *summary.binding_lines(device),
    )
