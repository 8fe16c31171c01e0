"""Map the driver's errors ("Xids") and recovery actions to this project's actions.

Sources: NVIDIA's catalog, in xids.toml; nvml.h, nvmlDeviceGpuRecoveryAction_t; NVIDIA, GPU Memory
Error Management, "Recovery Action". The action for an unlisted Xid is "drain".
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workload.core.files import read_table
from workload.core.models.action import Action
from workload.core.models.xid import Xid

TABLE = Path(__file__).with_name("xids.toml")
RECOVERY_CHANGED = 154  # the text of this Xid contains the new recovery action
# "GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)". If no name follows,
# the number may be truncated.
_CHANGED_TO = re.compile(r"\bto (0x[0-9a-fA-F]{1,8}|\d{1,9}) \(")


@dataclass(frozen=True)
class XidRow:
    """What one Xid means. `by_program` is true if programs cause it.

    `known` is false for an unlisted number.
    """

    number: int
    name: str
    action: Action
    by_program: bool
    source: str
    known: bool = True


def look_up(number: int) -> XidRow:
    """Return the row of an Xid. If it is not in the catalog, the action is "drain"."""
    rows = catalog()
    unlisted = XidRow(
        number, "without an action in NVIDIA's catalog", Action.DRAIN, False, _source(), known=False
    )
    return rows.get(number, unlisted)


@cache
def catalog() -> dict[int, XidRow]:
    """Return every listed Xid, by number."""
    table = _table()
    by_programs = set(table["by_programs"]["numbers"])
    rows = {}
    for bucket, numbers in table["numbers"].items():
        for number in numbers:
            by_program = number in by_programs
            action = Action.RESTART_APP if by_program else Action(table["actions"][bucket])
            name = table["names"].get(str(number), f"{bucket} in NVIDIA's catalog")
            source = table["by_programs"]["source"] if by_program else _source()
            rows[number] = XidRow(number, name, action, by_program, source)
    return dict(sorted(rows.items()))


def recovery_action_of(xid: Xid) -> int | None:
    """Return the recovery action in the text of an Xid 154; None if there is none."""
    found = _CHANGED_TO.search(xid.text) if xid.number == RECOVERY_CHANGED else None
    return int(found[1], 0) if found else None


def _source() -> str:
    return str(_table()["source"])


@cache
def _table() -> dict[str, Any]:
    return read_table(TABLE)


@dataclass(frozen=True)
class Recovery:
    """A recovery action of the driver: its name, the action to take, and its meaning."""

    name: str
    action: Action
    what: str


RECOVERIES = {
    0: Recovery("none", Action.NONE, "the driver asks for no action"),
    1: Recovery("GPU reset", Action.RESET_GPU, "the driver asks for a reset of the GPU"),
    2: Recovery("node reboot", Action.REBOOT, "the driver asks for a reboot"),
    3: Recovery(
        "drain P2P",
        Action.RESTART_APP,
        "the driver asks you to stop the jobs that use NVLink or peer-to-peer copies, then to "
        "check the recovery action again",
    ),
    4: Recovery(
        "drain and reset",
        Action.RESET_GPU,
        "the driver asks you to stop the jobs that use NVLink or peer-to-peer copies, then to "
        "reset the GPU",
    ),
    5: Recovery(
        "recover the IMEX domain",
        Action.FIX_HOST,
        "the driver asks you to recover the IMEX domain",
    ),
    6: Recovery("bus reset", Action.RESET_GPU, "the driver asks for a reset of the GPU's bus"),
    7: Recovery("system reboot", Action.REBOOT, "the driver asks for a reboot of the system"),
}


def recovery(number: int) -> Recovery:
    """Return the recovery action that has this number."""
    unknown = Recovery(
        f"number {number}",
        Action.DRAIN,
        f"the driver asks for recovery action {number}, which is unknown",
    )
    return RECOVERIES.get(number, unknown)
