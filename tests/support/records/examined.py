"""Records of a run on a machine with these facts."""

from typing import Any

from support.doctor.machines import GPU_MACHINE

from workload.core.errors import ExitCode
from workload.core.models.facts import Facts
from workload.core.models.record import Record
from workload.core.models.xid import Xid
from workload.core.records import RecordBuilder

ADDRESS = "0000:65:00.0"  # of the machine's GPU


def record(
    facts: Facts | None = GPU_MACHINE, code: ExitCode = ExitCode.OK, **sections: Any
) -> Record:
    """A record of a run on that machine."""
    builder = RecordBuilder("run", ())
    builder.set("environment", facts)
    for section, value in sections.items():
        builder.set(section, value)
    return builder.as_ended(code, None)


def logged(number: int, text: str = "", at_sec: float = 9.0) -> Xid:
    """An Xid of the machine's GPU in the kernel's log."""
    return Xid(ADDRESS, number, text, at_sec)
