"""Find the faults of one GPU in what its driver reports. A new fault is one more `yield` here."""

from collections.abc import Iterator, Sequence

from workload.core.models.action import Action, Fault
from workload.core.models.gpu import Gpu, GpuHealth, GpuState
from workload.core.models.xid import Xid
from workload.doctor.actions.recovery import recovery
from workload.doctor.actions.xids import (
    RECOVERY_CHANGED,
    XidRow,
    look_up,
    recovery_action_of,
)
from workload.hardware.driver_codes import NVML_PERMISSION, NVML_RESET_REQUIRED

SHOWN_TEXT = 120  # characters of the driver's own words


def gpu_faults(gpu: Gpu, xids: Sequence[Xid]) -> Iterator[Fault]:
    """Yield the faults of a GPU; `xids` are its own, oldest first.

    The driver's recovery action outranks the table of Xids: where it is known, an Xid of the
    hardware is evidence only, and one of this run asks for no more than to start again.
    """
    if gpu.state is None and gpu.code == NVML_PERMISSION:
        return  # of another container
    if gpu.state is None:
        evidence = (*((gpu.error,) if gpu.error else ()), *map(_shown, xids))
        action = Action.RESET_GPU if gpu.code == NVML_RESET_REQUIRED else Action.REBOOT
        yield Fault("no-answer", action, "the driver does not reach it", evidence)
        return
    health = gpu.state.health or GpuHealth()
    asked = recovery_asked(health, xids)
    if asked:
        yield _recovery(asked, xids)
    yield from _xids(xids, outranked=asked is not None)
    yield from _memory(gpu.state, health, outranked=asked is not None)
    yield from _fabric(health)


def recovery_asked(health: GpuHealth, xids: Sequence[Xid]) -> int | None:
    """Return the recovery action by the driver or, where it has none, by the newest Xid 154."""
    if health.recovery_action is not None:
        return health.recovery_action
    changes = [action for xid in xids if (action := recovery_action_of(xid)) is not None]
    return changes[-1] if changes else None


def _recovery(number: int, xids: Sequence[Xid]) -> Fault:
    asked = recovery(number)
    evidence = (f"recovery action {number} ({asked.name})", *map(_shown, xids))
    return Fault(f"recovery-{number}", asked.action, asked.what, evidence)


def _xids(xids: Sequence[Xid], *, outranked: bool) -> Iterator[Fault]:
    for xid in xids:
        row = look_up(xid.number)
        action = row.action
        if xid.number == RECOVERY_CHANGED or not action.severity:
            continue
        if outranked:
            if not xid.during_run:
                continue
            action = Action.RESTART_APP
        reason = f"Xid {xid.number}, {row.name} ({_whose(row)})"
        yield Fault(f"xid-{xid.number}", action, reason, (_shown(xid),))


def _whose(row: XidRow) -> str:
    return f"caused by a program: {row.source}" if row.by_program else row.source


def _shown(xid: Xid) -> str:
    when = "during this run" if xid.during_run else "in the kernel's log"
    at = "" if xid.at_sec is None else f" at {xid.at_sec:.0f} s after the start"
    text = f": {xid.text[:SHOWN_TEXT]}" if xid.text else ""
    return f"Xid {xid.number} {when}{at}{text}"


def _memory(state: GpuState, health: GpuHealth, *, outranked: bool) -> Iterator[Fault]:
    """Yield uncorrectable errors and rows that could not be remapped.

    Source: NVIDIA, GPU Memory Error Management, "RMA Policy Thresholds".
    """
    if state.ecc_uncorrected:
        action = Action.RESTART_APP if outranked else Action.RESET_GPU
        count = f"{state.ecc_uncorrected} since the last reset"
        yield Fault("ecc", action, "uncorrectable memory errors", (count,))
    if state.remap_failed:
        yield Fault("row-remap", Action.RESET_GPU, "a memory row could not be remapped")
    if health.sram_threshold_exceeded:
        yield Fault(
            "sram-threshold", Action.DRAIN, "too many uncorrectable errors in the GPU's SRAM"
        )


def _fabric(health: GpuHealth) -> Iterator[Fault]:
    fabric = health.fabric
    if fabric is None:
        return
    if fabric.state == "in progress":
        yield Fault("fabric-in-progress", Action.RETRY, "the GPU is joining its NVLink fabric")
    elif fabric.state == "not started":
        yield Fault(
            "fabric-not-started", Action.FIX_HOST, "the GPU has not joined its NVLink fabric"
        )
    elif fabric.error:
        yield Fault(
            "fabric-error",
            Action.FIX_HOST,
            "the GPU could not join its NVLink fabric",
            (fabric.error,),
        )
    if fabric.unhealthy:
        yield Fault(
            "fabric-unhealthy", Action.DRAIN, "the NVLink fabric is unhealthy", fabric.unhealthy
        )
