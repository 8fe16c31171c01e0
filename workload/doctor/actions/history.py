"""Escalate an action if it was taken and the same fault came back.

Only a comparison with earlier records shows that an action was taken. The machine was restarted if
its boot ID has changed and it booted after the earlier run began. A GPU was reset if its error
counters fell.
Without such evidence, an action stays the same, however often it is advised.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from workload.core import records
from workload.core.errors import BadInputError
from workload.core.models.action import Action, GpuAction
from workload.core.models.record import Record

MAX_RECORDS = 50  # only the newest are read
MAX_BYTES = 64 << 20  # of all records that are read
# The next action if an action did not fix the fault.
NEXT = {
    Action.RESET_GPU: Action.REBOOT,
    Action.REBOOT: Action.CONTACT_SUPPORT,
    Action.DRAIN: Action.CONTACT_SUPPORT,
}


def earlier_records(folder: Path | None) -> tuple[Record, ...]:
    """Return the newest records in a folder, oldest first. Ignore other files."""
    if folder is None:
        return ()
    files = sorted(_files(folder), reverse=True)[:MAX_RECORDS]
    found, left_bytes = [], MAX_BYTES
    for _, size, path in files:
        left_bytes -= size
        if left_bytes < 0:
            break
        with suppress(BadInputError):
            found.append(records.load(path))
    return tuple(sorted(found, key=lambda record: record.started_at))


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield the time, size and path of each file that may be a record and still exists."""
    try:
        paths = list(folder.glob("*.json"))
    except OSError:
        return
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        if status.st_size <= MAX_BYTES:
            yield status.st_mtime, status.st_size, path


def escalated(current: GpuAction, now: Record, earlier: Sequence[Record]) -> GpuAction:
    """Return the action for a GPU, escalated if earlier records show the same fault.

    Until the action in the newest such record has been taken, return that action or a more severe
    one. Ignore records with a time in the future, and records of runs that had not ended when this
    run began.
    """
    if not current.uuid or not current.fault or current.action not in NEXT:
        return current
    for record in reversed([one for one in earlier if _ended_before(one, now)]):
        same = (gpu for gpu in record.gpus or () if gpu.uuid == current.uuid)
        before = next((gpu for gpu in same if gpu.fault == current.fault), None)
        if before is None:
            continue
        done = _done(before, current, record, now)
        if done is None:
            return _raised(current, before.action, f"advised since {_day(record)}")
        since = f"the fault came back after a {done}; {before.action} was advised on {_day(record)}"
        return _raised(current, NEXT.get(before.action, before.action), since)
    return current


def _ended_before(record: Record, now: Record) -> bool:
    """Return whether a run had ended before this one began, according to the machine's clock."""
    return record.started_at.timestamp() + record.duration_sec <= now.started_at.timestamp()


def _done(before: GpuAction, current: GpuAction, record: Record, now: Record) -> str | None:
    """Return the action taken since `record`: a restart, or a reset if `record` asked for one."""
    if _restarted(record, now):
        return "restart of the machine"
    reset = before.action is Action.RESET_GPU and _fell(before.counters, current.counters)
    return "reset of the GPU" if reset and _is_new(current, record, now) else None


def _restarted(before: Record, now: Record) -> bool:
    """Return whether the machine was restarted after an earlier run.

    A new boot ID alone does not show this: systemd-nspawn and LXD generate one whenever a container
    starts.
    """
    then, facts = before.environment, now.environment
    if not (then and then.boot_id and facts and facts.boot_id and facts.booted_sec):
        return False
    started_later = facts.booted_sec > before.started_at.timestamp()
    return then.boot_id != facts.boot_id and started_later


def _is_new(current: GpuAction, before: Record, now: Record) -> bool:
    """Return whether the fault is newer than the record. Xids stay in the log until a restart."""
    kind, _, number = (current.fault or "").partition("-")
    if kind != "xid":
        return True
    found, known = (_logged(one, current.uuid, number) for one in (now, before))
    in_run = any(str(xid.number) == number for xid in now.xids or ())
    return in_run or not found <= known


def _logged(record: Record, uuid: str | None, number: str) -> set[float | None]:
    """Return the times of the Xids with this number that the kernel's log has for a GPU."""
    facts = record.environment
    gpus = facts.driver.gpus if facts and facts.driver else ()
    addresses = {gpu.state.pcie.address for gpu in gpus if gpu.state and gpu.uuid == uuid}
    xids = facts.xids if facts else None
    return {xid.at_sec for xid in xids or ()
            if xid.address in addresses and str(xid.number) == number}  # fmt: skip


def _fell(before: dict[str, int] | None, now: dict[str, int] | None) -> bool:
    """Return whether a counter that only a reset clears is lower than before."""
    return any((now or {}).get(name, count) < count for name, count in (before or {}).items())


def _raised(current: GpuAction, action: Action, evidence: str) -> GpuAction:
    worse = max(current.action, action, key=lambda one: one.severity)
    return replace(current, action=worse, evidence=(*current.evidence, evidence))


def _day(record: Record) -> str:
    return f"{record.started_at:%Y-%m-%d %H:%M}"
