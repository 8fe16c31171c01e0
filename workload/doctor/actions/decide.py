"""Choose the action of the worst fault, for each GPU and for the machine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from workload.core.models.action import Action, Advice, Fault, GpuAction
from workload.core.models.gpu import Gpu
from workload.core.models.record import Record
from workload.core.models.xid import LinkErrors, Xid
from workload.doctor.actions.faults import gpu_faults, not_permitted, recovery_asked, why_silent
from workload.doctor.actions.history import escalated
from workload.doctor.actions.results import faults_by_gpu, faults_of_ranks, result_faults

Error = TypeVar("Error", Xid, LinkErrors)
NOTHING = "nothing is wrong"


def advise(
    record: Record,
    earlier: Callable[[], Sequence[Record]] = tuple,
    faults: Iterable[Fault] = (),
) -> Advice:
    """Return the actions that a record requires. `faults` are additional faults of the machine.

    `earlier` returns the earlier records, oldest first. It is called only if a GPU has a fault.
    """
    gpus = tuple(_gpu_actions(record))
    if any(gpu.fault for gpu in gpus):
        records = earlier()
        gpus = tuple(escalated(gpu, record, records) for gpu in gpus)
    known = [
        *faults,
        *result_faults(record),
        *faults_of_ranks(record),
        *(_of_machine(gpu) for gpu in gpus if gpu.fault),
    ]
    worst = _worst(known) or Fault("none", Action.NONE, _nothing(gpus))
    return Advice(worst.action, worst.reason, worst.evidence, gpus)


def _nothing(gpus: Sequence[GpuAction]) -> str:
    """Return the machine's reason for the action `none`: NOTHING or what is unknown about a GPU."""
    return next((f"{_name(gpu)}: {gpu.reason}" for gpu in gpus if gpu.reason != NOTHING), NOTHING)


def _name(gpu: GpuAction) -> str:
    return f"GPU {gpu.index} {gpu.name or ''}".strip()


def _of_machine(gpu: GpuAction) -> Fault:
    """Return the worst fault of a GPU as a fault of the machine."""
    return Fault(gpu.fault or "none", gpu.action, f"{_name(gpu)}: {gpu.reason}", gpu.evidence)


def _worst(faults: Sequence[Fault]) -> Fault | None:
    return max(faults, key=lambda fault: fault.action.severity, default=None)


def _gpu_actions(record: Record) -> Iterator[GpuAction]:
    facts = record.environment
    driver = facts.driver if facts else None
    if facts is None or driver is None:
        return
    xids = [*(facts.xids or ()), *(record.xids or ())]
    measured = faults_by_gpu(record)
    known = {_address(gpu) for gpu in driver.gpus}
    of_none = [xid for xid in xids if xid.address not in known]
    for gpu in driver.gpus:
        own = of_none if gpu.state is None else _of(gpu, xids)
        links = _of(gpu, record.link_errors or ())
        reported = gpu_faults(gpu, own, links, _most_links(gpu, driver.gpus))
        worst = _worst([*reported, *measured.get(gpu.index, [])])
        yield GpuAction(
            gpu.index,
            gpu.name,
            gpu.uuid,
            worst.action if worst else Action.NONE,
            worst.reason if worst else _why_none(gpu, own),
            worst.id if worst else None,
            worst.evidence if worst else (),
            _counters(gpu),
        )


def _why_none(gpu: Gpu, xids: Sequence[Xid]) -> str:
    """Return a GPU's reason for the action `none`, including what is unknown."""
    if not_permitted(gpu):
        return why_silent(gpu)
    state = gpu.state
    if state is None or state.health is None or recovery_asked(state.health, xids) is None:
        why = state.silent.get("recovery-action") if state else None
        return f"the driver reports no fault; its recovery action is unknown ({why or '?'})"
    return NOTHING


def _address(gpu: Gpu) -> str | None:
    return gpu.state.pcie.address if gpu.state else None


def _of(gpu: Gpu, errors: Iterable[Error]) -> list[Error]:
    """Return the errors that have the address of a GPU."""
    address = _address(gpu)
    return [error for error in errors if address and error.address == address]


def _most_links(gpu: Gpu, gpus: Sequence[Gpu]) -> int | None:
    """Return the largest number of active NVLinks on a GPU of this model; None if unknown."""
    healths = [one.state.health for one in gpus if one.state and one.name == gpu.name]
    links = [health.nvlinks.active for health in healths if health and health.nvlinks]
    return max(links, default=None)


def _counters(gpu: Gpu) -> dict[str, int] | None:
    """Return the error counters that only a reset of the GPU clears.

    Return None without persistence mode, because every start of a program then clears the counters.
    Source: NVML API Reference Guide, nvmlEccCounterType_t.
    """
    if gpu.state is None or not gpu.state.persistence:
        return None
    health = gpu.state.health
    found = {
        "ecc_uncorrected": gpu.state.ecc_uncorrected,
        "ecc_corrected": health.ecc_corrected if health else None,
        "sram_uncorrectable": health.sram_uncorrectable if health else None,
        "pcie_replays": health.pcie_replays if health else None,
    }
    return {name: count for name, count in found.items() if count is not None} or None
