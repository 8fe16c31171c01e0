"""The commands: each takes the session, does its work and returns the exit code."""

from workload import render
from workload.results import DeviceInfo
from workload.session import Session


def announce(session: Session, device: DeviceInfo) -> None:
    """Record the device, and say which it is and why."""
    session.draft.set("device", device)
    session.say(render.device_line(device))
