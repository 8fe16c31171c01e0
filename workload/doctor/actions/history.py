"""Escalate an action that was done and after which the same fault came back.

Evidence comes from earlier records alone: the machine was started after the record, and has another
boot id; or error counters fell, which shows a reset. Without evidence an action stays as it is,
however often it runs.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from workload.core import records
from workload.core.errors import BadInputError
from workload.core.models.action import Action, GpuAction
from workload.core.models.record import Record

MAX_RECORDS = 50  # the newest that are read
MAX_BYTES = 64 << 20  # of all of them
# What follows an action that did not help.
NEXT = {
    Action.RESET_GPU: Action.REBOOT,
    Action.REBOOT: Action.CONTACT_SUPPORT,
    Action.DRAIN: Action.CONTACT_SUPPORT,
}


def earlier_records(folder: Path | None) -> tuple[Record, ...]:
    """Return the newest records of a folder, oldest first; what is not one is left out."""
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
    """Yield the time and the size of each file that may be a record; some vanish meanwhile."""
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
    """Return the action for a GPU after what earlier records show of the same fault of it.

    While what was asked for has not been done, the action of the newest record stays. A record of a
    run that had not ended when this one began shows no order, nor does one of the future.
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
            return _raised(current, before.action, f"asked for since {_day(record)}")
        since = f"came back after a {done}: {before.action} was asked for on {_day(record)}"
        return _raised(current, NEXT.get(before.action, before.action), since)
    return current


def _ended_before(record: Record, now: Record) -> bool:
    """Return whether a run had ended before this one began, by the machine's clock."""
    return record.started_at.timestamp() + record.duration_sec <= now.started_at.timestamp()


def _done(before: GpuAction, current: GpuAction, record: Record, now: Record) -> str | None:
    """Return what was done since: a restart or, where that was asked for, a reset."""
    if _restarted(record, now):
        return "restart of the machine"
    reset = before.action is Action.RESET_GPU and _fell(before.counters, current.counters)
    return "reset of the GPU" if reset and _is_new(current, record, now) else None


def _restarted(before: Record, now: Record) -> bool:
    """Return whether the machine was started after an earlier run; its boot id alone says little.

    systemd-nspawn and LXD give each start of a container a boot id of its own.
    """
    then, facts = before.environment, now.environment
    if not (then and then.boot_id and facts and facts.boot_id and facts.booted_sec):
        return False
    started_later = facts.booted_sec > before.started_at.timestamp()
    return then.boot_id != facts.boot_id and started_later


def _is_new(current: GpuAction, before: Record, now: Record) -> bool:
    """Return whether the fault came after the record: the log keeps an Xid until a restart."""
    kind, _, number = (current.fault or "").partition("-")
    if kind != "xid":
        return True
    found, known = (_logged(one, current.uuid, number) for one in (now, before))
    in_run = any(str(xid.number) == number for xid in now.xids or ())
    return in_run or not found <= known


def _logged(record: Record, uuid: str | None, number: str) -> set[float | None]:
    """Return when the kernel's log has an Xid of a GPU."""
    facts = record.environment
    gpus = facts.driver.gpus if facts and facts.driver else ()
    addresses = {gpu.state.pcie.address for gpu in gpus if gpu.state and gpu.uuid == uuid}
    xids = facts.xids if facts else None
    return {xid.at_sec for xid in xids or ()
            if xid.address in addresses and str(xid.number) == number}  # fmt: skip


def _fell(before: dict[str, int] | None, now: dict[str, int] | None) -> bool:
    """Return whether a counter that only a reset sets back is lower than before."""
    return any((now or {}).get(name, count) < count for name, count in (before or {}).items())


def _raised(current: GpuAction, action: Action, evidence: str) -> GpuAction:
    worse = max(current.action, action, key=lambda one: one.severity)
    return replace(current, action=worse, evidence=(*current.evidence, evidence))


def _day(record: Record) -> str:
    return f"{record.started_at:%Y-%m-%d %H:%M}"
