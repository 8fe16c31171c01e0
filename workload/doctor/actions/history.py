"""Escalate an action that was done and after which the same fault came back.

Evidence comes from earlier records alone: another boot id shows a restart of the machine, error
counters that fell show a reset. Without evidence an action stays as it is, however often it runs.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace

from workload.core import records
from workload.core.errors import BadInputError
from workload.core.models.action import Action, GpuAction
from workload.core.models.record import Record

MAX_RECORDS = 50  # the newest that are read
# What follows an action that did not help.
NEXT = {
    Action.RESET_GPU: Action.REBOOT,
    Action.REBOOT: Action.CONTACT_SUPPORT,
    Action.DRAIN: Action.CONTACT_SUPPORT,
}


def earlier_records(folder: Path | None) -> tuple[Record, ...]:
    """Return the newest records of a folder, oldest first; those of other versions are left out."""
    if folder is None:
        return ()
    try:
        paths = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    except OSError:
        return ()
    found = []
    for path in paths[-MAX_RECORDS:]:
        try:
            found.append(records.load(path))
        except BadInputError:
            continue
    return tuple(sorted(found, key=lambda record: record.started_at))


def escalated(current: GpuAction, boot_id: str | None, earlier: Sequence[Record]) -> GpuAction:
    """Return the action for a GPU after what earlier records show of the same fault of it.

    While what was asked for has not been done, the action of the newest record stays.
    """
    if not current.uuid or not current.fault or current.action not in NEXT:
        return current
    for record in reversed(earlier):
        before = _same_fault(current, record.gpus or ())
        if before is None:
            continue
        done = _done(before, current, _boot_id(record), boot_id)
        if done is None:
            return _raised(current, before.action, f"asked for since {_day(record)}")
        since = f"came back after a {done}: {before.action} was asked for on {_day(record)}"
        return _raised(current, NEXT.get(before.action, before.action), since)
    return current


def _same_fault(current: GpuAction, gpus: Iterable[GpuAction]) -> GpuAction | None:
    same = (gpu for gpu in gpus if (gpu.uuid, gpu.fault) == (current.uuid, current.fault))
    return next(same, None)


def _done(
    before: GpuAction, now: GpuAction, boot_before: str | None, boot_now: str | None
) -> str | None:
    """Return what was done since: a restart or, where that was asked for, a reset."""
    if boot_before and boot_now and boot_before != boot_now:
        return "restart of the machine"
    if before.action is Action.RESET_GPU and _fell(before.counters, now.counters):
        return "reset of the GPU"
    return None


def _fell(before: dict[str, int] | None, now: dict[str, int] | None) -> bool:
    """Return whether a counter that only a reset sets back is lower than before."""
    return any((now or {}).get(name, count) < count for name, count in (before or {}).items())


def _raised(current: GpuAction, action: Action, evidence: str) -> GpuAction:
    worse = max(current.action, action, key=lambda one: one.severity)
    return replace(current, action=worse, evidence=(*current.evidence, evidence))


def _boot_id(record: Record) -> str | None:
    return record.environment.boot_id if record.environment else None


def _day(record: Record) -> str:
    return f"{record.started_at:%Y-%m-%d %H:%M}"
