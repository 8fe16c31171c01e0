"""Find the faults that the results of one process show: wrong numbers, failed checks, times."""

from collections.abc import Iterator

from workload.core.models.action import Fault
from workload.core.models.case import CaseStatus
from workload.core.models.finding import State
from workload.core.models.record import Record
from workload.core.models.train import TrainResult
from workload.core.train_spec import STABLE_STEP_TIMES_INPUT
from workload.doctor.actions.kinds import fault
from workload.doctor.checks.check import WRONG

# Checks whose facts are judged for each GPU: see `faults`.
BY_GPU = frozenset({"ecc", "row-remap", "recovery-action", "fabric", "sram-ecc"})
# Cases of a driver that hangs or ends every process that asks it.
BLOCKED = frozenset({("gpu-driver", "hung"), ("cuda-start", "hung"), ("cuda-start", "died")})
# As `book` and `wide` have it, but for rounding.
MOST_STEP_TIMES_INPUT = 1.01 * STABLE_STEP_TIMES_INPUT


def result_faults(record: Record) -> Iterator[Fault]:
    """Yield wrong numbers, checks that failed, and cases without a valid time."""
    yield from _wrong_numbers(record)
    for finding in record.findings or ():
        if finding.state is State.FAIL and finding.case != WRONG and finding.id not in BY_GPU:
            kind = "blocked" if (finding.id, finding.case) in BLOCKED else "check"
            yield fault(kind, f"{finding.id}: {finding.found}", id_=finding.id)
    for case in record.cases or ():
        if case.status is CaseStatus.INVALID:
            seen = case.timing.telemetry if case.timing else None
            slowed = seen and (seen.throttled or seen.slowdowns)
            kind = "slowed" if slowed else "invalid-time"
            yield fault(kind, f"{case.name}: {case.reason}", id_="invalid-time")


def _wrong_numbers(record: Record) -> Iterator[Fault]:
    """Yield one fault for wrong results: other machines may get the work until it is understood."""
    wrong = [
        *(one.found for one in record.findings or () if one.case == WRONG),
        *(f"{one.name} {one.dtype}" for one in record.verify or () if not one.ok),
        *(case.name for case in record.cases or () if case.status is CaseStatus.WRONG),
        *(f"training {one.preset or 'custom'}" for one in record.train or () if _is_wrong(one)),
    ]
    if wrong:
        yield fault("wrong-numbers", evidence=wrong)


def _is_wrong(trained: TrainResult) -> bool:
    """Return whether a training diverged that should not: too long a step diverges anywhere."""
    step_times_input = trained.learning_rate * trained.input_size
    return bool(trained.diverged_at_step) and step_times_input <= MOST_STEP_TIMES_INPUT
