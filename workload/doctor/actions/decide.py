"""Take the worst fault of each GPU, and of the machine, as the one action."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from workload.core.models.action import Action, Advice, Fault, GpuAction
from workload.core.models.gpu import Gpu
from workload.core.models.record import Record
from workload.core.models.xid import Xid
from workload.doctor.actions.faults import gpu_faults
from workload.doctor.actions.history import escalated
from workload.doctor.actions.ranks import faults_by_gpu, faults_of_ranks
from workload.doctor.actions.results import result_faults

NOTHING = "nothing is wrong"


def advise(
    record: Record,
    earlier: Callable[[], Sequence[Record]] = tuple,
    faults: Iterable[Fault] = (),
) -> Advice:
    """Return the action for what a record shows; `faults` are others of the machine.

    `earlier` returns the records before it, oldest first; it is called only for a fault.
    """
    boot_id = record.environment.boot_id if record.environment else None
    gpus = tuple(_gpu_actions(record))
    if any(gpu.fault for gpu in gpus):
        records = earlier()
        gpus = tuple(escalated(gpu, boot_id, records) for gpu in gpus)
    known = [
        *faults,
        *result_faults(record),
        *faults_of_ranks(record),
        *(_of_machine(gpu) for gpu in gpus if gpu.fault),
    ]
    worst = _worst(known) or Fault("none", Action.NONE, NOTHING)
    return Advice(worst.action, worst.reason, worst.evidence, gpus)


def _of_machine(gpu: GpuAction) -> Fault:
    """Return the worst fault of a GPU as one of its machine."""
    name = f"GPU {gpu.index} {gpu.name or ''}".strip()
    return Fault(gpu.fault or "none", gpu.action, f"{name}: {gpu.reason}", gpu.evidence)


def _worst(faults: Sequence[Fault]) -> Fault | None:
    return max(faults, key=lambda fault: fault.action.severity, default=None)


def _gpu_actions(record: Record) -> Iterator[GpuAction]:
    facts = record.environment
    driver = facts.driver if facts else None
    if facts is None or driver is None:
        return
    xids = [*(facts.xids or ()), *(record.xids or ())]
    measured = faults_by_gpu(record)
    for gpu in driver.gpus:
        worst = _worst([*gpu_faults(gpu, _of(gpu, xids)), *measured.get(gpu.index, [])])
        yield GpuAction(
            gpu.index,
            gpu.name,
            gpu.uuid,
            worst.action if worst else Action.NONE,
            worst.reason if worst else NOTHING,
            worst.id if worst else None,
            worst.evidence if worst else (),
            _counters(gpu),
        )


def _of(gpu: Gpu, xids: Sequence[Xid]) -> list[Xid]:
    """Return the Xids of a GPU, by its address."""
    address = gpu.state.pcie.address if gpu.state else None
    return [xid for xid in xids if address and xid.address == address]


def _counters(gpu: Gpu) -> dict[str, int] | None:
    """Return the counters that a reset sets back."""
    if gpu.state is None:
        return None
    health = gpu.state.health
    found = {
        "ecc_uncorrected": gpu.state.ecc_uncorrected,
        "ecc_corrected": health.ecc_corrected if health else None,
        "sram_uncorrectable": health.sram_uncorrectable if health else None,
        "pcie_replays": health.pcie_replays if health else None,
    }
    return {name: count for name, count in found.items() if count is not None} or None
