"""Find the faults of one GPU in what the driver reports.

To add a fault, add a row with its action to `kinds`, and a `yield` here.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from workload.core.models.action import Action, Fault
from workload.core.models.gpu import Gpu, GpuHealth, GpuState, NvLinks
from workload.core.models.xid import LinkErrors, Xid
from workload.doctor.actions.kinds import fault
from workload.doctor.actions.xids import RECOVERY_CHANGED, look_up, recovery, recovery_action_of
from workload.hardware.driver_codes import NVML_PERMISSION, NVML_RESET_REQUIRED
from workload.hardware.kernel_log import MAX_XIDS

SHOWN_TEXT = 120  # characters of the driver's text
SHOWN_XIDS = 5  # kinds of Xids in the evidence of one fault
# Other NVLink errors (CRC) are corrected by a repeated transfer and are not a fault by themselves.
SERIOUS_LINK_ERRORS = ("replays", "recoveries")


def gpu_faults(
    gpu: Gpu,
    xids: Sequence[Xid],
    links: Sequence[LinkErrors] = (),
    most_links: int | None = None,
) -> Iterator[Fault]:
    """Yield the faults of a GPU. `xids` and `links` are its errors, oldest first.

    `most_links` is the largest number of active NVLinks on a GPU of its model. If the driver's
    recovery action is known, it takes precedence over the actions that `xids.toml` lists: an Xid
    from before this run is then not a fault, and an Xid of this run requires only a restart of the
    program.
    """
    if not_permitted(gpu):
        return  # the GPU belongs to another container
    if gpu.state is None:
        kind = "reset-required" if gpu.code == NVML_RESET_REQUIRED else "no-answer"
        yield fault(kind, why_silent(gpu), shown(xids, where=True), id_="no-answer")
        return
    health = gpu.state.health or GpuHealth()
    asked = recovery_asked(health, xids)
    if asked is not None and asked != 0:
        yield _recovery(asked, xids)
    yield from _xids(xids, outranked=asked is not None)
    yield from _memory(gpu.state, health, outranked=asked is not None)
    yield from _links(health.nvlinks, links, most_links)
    yield from _fabric(health)


def not_permitted(gpu: Gpu) -> bool:
    """Return whether the GPU exists, but this process may not use it."""
    return gpu.state is None and gpu.code == NVML_PERMISSION


def why_silent(gpu: Gpu) -> str:
    """Return why the driver does not report a GPU, with NVML's code and text."""
    code = "" if gpu.code is None else f" code {gpu.code}"
    said = f"NVML{code}: {gpu.error}" if gpu.error else f"NVML{code or ' gives no reason'}"
    what = "this process may not use it" if not_permitted(gpu) else "the driver does not reach it"
    return f"{what} ({said})"


def recovery_asked(health: GpuHealth, xids: Sequence[Xid]) -> int | None:
    """Return the driver's recovery action; None if unknown.

    If Xids occurred during this run, return the action that the driver reported after the last one.
    Otherwise return the action from before the run or, if the driver did not report it, the one in
    the text of the newest Xid 154. The action is unknown if that text is truncated or the GPU no
    longer responds.
    """
    during = [xid.recovery_action for xid in xids if xid.during_run]
    if during:
        return during[-1]
    if health.recovery_action is not None:
        return health.recovery_action
    texts = [xid for xid in xids if xid.number == RECOVERY_CHANGED and not xid.during_run]
    return recovery_action_of(texts[-1]) if texts else None


def _recovery(number: int, xids: Sequence[Xid]) -> Fault:
    asked = recovery(number)
    evidence = (f"recovery action {number} ({asked.name})", *shown(xids))
    return Fault(f"recovery-{number}", asked.action, asked.what, evidence)


def _xids(xids: Sequence[Xid], *, outranked: bool) -> Iterator[Fault]:
    """Yield at most one fault for each Xid number.

    If `outranked`, the driver's recovery action takes precedence, except over an unlisted Xid.
    """
    for number in dict.fromkeys(xid.number for xid in xids):
        row = look_up(number)
        action = row.action
        same = [xid for xid in xids if xid.number == number]
        if number == RECOVERY_CHANGED or not action.severity:
            continue
        if outranked and row.known:
            same = [xid for xid in same if xid.during_run]
            action = Action.RESTART_APP
        if same:
            whose = "caused by a program according to " if row.by_program else ""
            reason = f"Xid {number}, {row.name} ({whose}{row.source})"
            yield Fault(f"xid-{number}", action, reason, shown(same))


def shown(xids: Sequence[Xid], *, where: bool = False) -> tuple[str, ...]:
    """Return one line for each kind of Xid; Xids of this run are last.

    Xids are grouped because a program may cause thousands. If there are more than SHOWN_XIDS kinds,
    the first line counts those that are not shown.
    """

    def kind(xid: Xid) -> tuple[bool, int, str]:
        return xid.during_run, xid.number, xid.address if where else ""

    groups = [list(group) for _, group in groupby(sorted(xids, key=kind), key=kind)]
    lines = [_line(group, where=where) for group in groups]
    more = len(lines) - SHOWN_XIDS
    return tuple(lines if more <= 0 else (f"{more} other kinds of Xids", *lines[-SHOWN_XIDS:]))


def _line(same: Sequence[Xid], *, where: bool) -> str:
    xid = same[-1]
    when = "during this run" if xid.during_run else "in the kernel's log"
    least = "at least " if len(same) >= MAX_XIDS else ""
    often = f", {least}{len(same)} times" if len(same) > 1 else ""
    at = "" if xid.at_sec is None else f" at {xid.at_sec:.0f} s after boot"
    text = f": {xid.text[:SHOWN_TEXT]}" if xid.text else ""
    of = f" of {xid.address}" if where else ""
    return f"Xid {xid.number}{of} {when}{often}{',' if often and at else ''}{at}{text}"


def _memory(state: GpuState, health: GpuHealth, *, outranked: bool) -> Iterator[Fault]:
    """Yield faults for uncorrectable errors and for rows that could not be remapped.

    Source: NVIDIA, GPU Memory Error Management, "RMA Policy Thresholds".
    """
    if state.ecc_uncorrected:
        count = f"uncorrectable errors since the last reset: {state.ecc_uncorrected}"
        yield fault("ecc-handled" if outranked else "ecc", evidence=(count,), id_="ecc")
    if state.remap_failed:
        yield fault("row-remap")
    if health.sram_threshold_exceeded:
        yield fault("sram-threshold")


def _links(
    nvlinks: NvLinks | None, errors: Sequence[LinkErrors], most: int | None
) -> Iterator[Fault]:
    """Yield faults for links that are down or had errors.

    A GPU without any active link has no fault, because it probably has no NVLink bridge.
    """
    if nvlinks and most and 0 < nvlinks.active < most:
        down = ", ".join(map(str, nvlinks.inactive)) or "not listed"
        evidence = f"{nvlinks.active} of {most} NVLinks are active; inactive: {down}"
        yield fault("nvlink-down", evidence=(evidence,))
    grown = [
        f"NVLink {name} during this run: {count}"
        for one in errors
        for name, count in one.counts.items()
    ]
    if any(one.counts.get(name) for one in errors for name in SERIOUS_LINK_ERRORS):
        yield fault("nvlink-errors", evidence=grown)


def _fabric(health: GpuHealth) -> Iterator[Fault]:
    fabric = health.fabric
    if fabric is None:
        return
    if fabric.state == "in progress":
        yield fault("fabric-in-progress")
    elif fabric.state == "not started":
        yield fault("fabric-not-started")
    elif fabric.state != "completed":
        yield fault("fabric-unknown", evidence=(f"fabric state {fabric.state}",))
    elif fabric.error:
        yield fault("fabric-error", evidence=(fabric.error,))
    if fabric.unhealthy:
        yield fault("fabric-unhealthy", evidence=fabric.unhealthy)
