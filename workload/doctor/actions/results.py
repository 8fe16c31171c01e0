"""Find the faults that the results of one process show: wrong numbers, failed checks, times."""

from collections.abc import Iterator

from workload.core.models.action import Action, Fault
from workload.core.models.case import CaseStatus
from workload.core.models.finding import State
from workload.core.models.record import Record
from workload.core.models.train import TrainResult
from workload.core.train_spec import STABLE_STEP_TIMES_INPUT
from workload.doctor.checks.check import WRONG

# Checks whose facts are judged for each GPU: see `faults`.
BY_GPU = frozenset({"ecc", "row-remap", "recovery-action", "fabric", "sram-ecc"})
# Cases of a driver that hangs or ends every process that asks it.
BLOCKED = frozenset({("gpu-driver", "hung"), ("cuda-start", "hung"), ("cuda-start", "died")})
# As `book` and `wide` have it, but for rounding.
MOST_STEP_TIMES_INPUT = 1.01 * STABLE_STEP_TIMES_INPUT
DEEP = "run `workload doctor --deep`"


def result_faults(record: Record) -> Iterator[Fault]:
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
