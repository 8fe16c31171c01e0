"""Take the worst fault of each GPU, and of the machine, as the one action."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from workload.core.models.action import Action, Advice, Fault, GpuAction
from workload.core.models.case import CaseStatus
from workload.core.models.finding import State
from workload.core.models.gpu import Gpu
from workload.core.models.record import Record
from workload.core.models.train import TrainResult
from workload.core.models.xid import Xid
from workload.core.train_spec import STABLE_STEP_TIMES_INPUT
from workload.doctor.actions.faults import gpu_faults
from workload.doctor.actions.history import escalated
from workload.doctor.checks.check import WRONG

# Checks whose facts are judged for each GPU: see `faults`.
BY_GPU = frozenset({"ecc", "row-remap", "recovery-action", "fabric", "sram-ecc"})
# Cases of a driver that hangs or ends every process that asks it.
BLOCKED = frozenset({("gpu-driver", "hung"), ("cuda-start", "hung"), ("cuda-start", "died")})
NOTHING = "nothing is wrong"
# As `book` and `wide` have it, but for rounding.
MOST_STEP_TIMES_INPUT = 1.01 * STABLE_STEP_TIMES_INPUT
DEEP = "run `workload doctor --deep`"


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
    known = [*faults, *_machine_faults(record), *(_of_machine(gpu) for gpu in gpus if gpu.fault)]
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
    for gpu in driver.gpus:
        worst = _worst(list(gpu_faults(gpu, _of(gpu, xids))))
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


def _machine_faults(record: Record) -> Iterator[Fault]:
    """Yield wrong numbers, checks that failed, and cases without a valid time."""
    yield from _wrong_numbers(record)
    for finding in record.findings or ():
        if finding.state is State.FAIL and finding.case != WRONG and finding.id not in BY_GPU:
            action = Action.REBOOT if (finding.id, finding.case) in BLOCKED else Action.FIX_HOST
            yield Fault(finding.id, action, f"{finding.id}: {finding.found}")
    for case in record.cases or ():
        if case.status is CaseStatus.INVALID:
            seen = case.timing.telemetry if case.timing else None
            slowed = seen and (seen.throttled or seen.slowdowns)
            action = Action.FIX_HOST if slowed else Action.RETRY
            yield Fault("invalid-time", action, f"{case.name}: {case.reason}")


def _wrong_numbers(record: Record) -> Iterator[Fault]:
    """Yield one fault for wrong results: other machines may get the work until it is understood."""
    wrong = [
        *(one.found for one in record.findings or () if one.case == WRONG),
        *(f"{one.name} {one.dtype}" for one in record.verify or () if not one.ok),
        *(case.name for case in record.cases or () if case.status is CaseStatus.WRONG),
        *(f"training {one.preset or 'custom'}" for one in record.train or () if _is_wrong(one)),
    ]
    if wrong:
        reason = f"wrong numbers; {DEEP} to see whether they come back"
        yield Fault("wrong-numbers", Action.DRAIN, reason, tuple(wrong))


def _is_wrong(trained: TrainResult) -> bool:
    """Return whether a training diverged that should not: too long a step diverges anywhere."""
    step_times_input = trained.learning_rate * trained.input_size
    return bool(trained.diverged_at_step) and step_times_input <= MOST_STEP_TIMES_INPUT
