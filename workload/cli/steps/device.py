"""Resolve, record and show the device of a command."""

import os

from msgspec.structs import replace

from workload.cli.session import Session
from workload.core.models.device import DeviceInfo
from workload.distributed.environment import Place
from workload.distributed.group import own_device
from workload.hardware import devices
from workload.report.terminal import summary


def device_of_rank(requested: str, place: Place) -> DeviceInfo:
    """Resolve the device of one rank; a rank on CPUs gets its share of the node's CPUs."""
    device = devices.resolve(own_device(requested, place))
    if device.kind != "cpu":
        return device
    share = place.cpu_share(device.usable_cpus or device.threads, os.cpu_count() or 1)
    return devices.set_threads(replace(device, usable_cpus=share), min(device.threads, share))


def announce(session: Session, device: DeviceInfo) -> None:
    """Record the device, and show it with the reason for the choice."""
    session.builder.set("device", device)
    session.info(*summary.device_lines(device))
