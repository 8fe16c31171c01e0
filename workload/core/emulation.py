"""Omit the rates of cases that ran on an emulated CPU: their times measure the emulator."""

from msgspec.structs import replace

from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo


def without_speed(case: Case, device: DeviceInfo | None) -> Case:
    """Return the case; if the device is emulated, set the status EMULATED and omit the rates.

    The samples are kept, and so is any status other than OK.
    """
    if device is None or device.emulated_on is None or case.status is not CaseStatus.OK:
        return case
    reason = f"{device.architecture} programs ran emulated on {device.emulated_on}"
    return replace(case, status=CaseStatus.EMULATED, reason=reason, rating=None)
