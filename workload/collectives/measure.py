"""Check and time operations between ranks. All ranks call `run` or `measure` together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from workload.bench.timers import make_timer
from workload.bench.timing import TimingConfig, measure_with
from workload.collectives.buffers import Buffers
from workload.collectives.operations import Call, Operation
from workload.collectives.team import Team, TeamTimer
from workload.core.errors import OutOfMemoryError, first_line
from workload.core.methods import CUDA_EVENTS, HOST_CLOCK
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Timing
from workload.core.units import some
from workload.hardware import devices

BUFFERS = 2  # each at most as large as the whole array
CHECKED_CALLS = 2  # before the timing; the second detects data left over from the first
# Ranks begin a batch about 50 µs apart, which is less than a hundredth of the batch's time.
CONFIG = TimingConfig(sample_sec=10e-3)
METHODS = {"cpu": HOST_CLOCK, "cuda": CUDA_EVENTS}


@dataclass(frozen=True)
class Problem:
    """Why one rank has no valid measurement of an operation."""

    status: CaseStatus
    reason: str


@dataclass(frozen=True)
class RankResult:
    """The result of one rank: a problem, or its seconds per call in each sample."""

    problem: Problem | None = None
    samples_sec: tuple[float, ...] = ()


@dataclass(frozen=True)
class Measured:
    """One operation on all ranks: the result of each rank and, on rank 0, the timing."""

    operation: Operation
    found: tuple[RankResult, ...]
    timing: Timing | None = None

    def case(
        self, shape: tuple[int, ...], ranks: Sequence[int], variant: str | None = None
    ) -> Case:
        """Return the case of these ranks: their problems, or the time of the slowest rank."""
        operation, found = self.operation, [self.found[rank] for rank in ranks]
        case = unmeasured(operation, CaseStatus.OK, shape=shape, variant=variant)
        problems = [
            (rank, one.problem) for rank, one in zip(ranks, found, strict=True) if one.problem
        ]
        if problems:
            _, first = problems[0]
            return replace(case, status=first.status, reason=_reason(problems, len(ranks)))
        if self.timing is None:  # another pair of the same round has a problem
            reason = "another pair that exchanges data at the same time could not be measured"
            return replace(case, status=CaseStatus.SKIPPED, reason=reason)
        samples = zip(*(one.samples_sec for one in found), strict=True)
        timing = replace(self.timing, samples_sec=tuple(map(max, samples)))
        case = replace(case, timing=timing)
        if timing.disturbed:
            return replace(case, status=CaseStatus.INVALID, reason=timing.disturbed)
        return case


def _reason(problems: Sequence[tuple[int, Problem]], ranks: int) -> str:
    """Return the reason of each rank, or one reason if all ranks have the same."""
    reasons = {problem.reason for _, problem in problems}
    if len(problems) == ranks and len(reasons) == 1:
        (reason,) = reasons
        return f"all ranks: {reason}" if problems[0][1].status is CaseStatus.WRONG else reason
    return some(f"rank {rank}: {problem.reason}" for rank, problem in problems)


def unmeasured(
    operation: Operation,
    status: CaseStatus,
    reason: str | None = None,
    shape: tuple[int, ...] | None = None,
    variant: str | None = None,
) -> Case:
    """Return a case of this operation that has no measurement."""
    return Case(
        kind=operation.kind,
        shape=shape or (operation.ranks, operation.elements),
        dtype=operation.dtype,
        flops=0,
        bytes=operation.bytes,
        launches=1,
        status=status,
        reason=reason,
        variant=variant,
    )


def run(
    operations: Sequence[Operation], team: Team, device: DeviceInfo, budget_sec: float
) -> Iterator[Case]:
    """Check and time each operation; yield its case.

    The timings take about `budget_sec` in all, not counting the checks.
    """
    for operation in operations:
        measured = measure(operation, team, device, budget_sec / len(operations))
        yield measured.case((operation.ranks, operation.elements), range(team.ranks))


def measure(operation: Operation, team: Team, device: DeviceInfo, budget_sec: float) -> Measured:
    """Check and time one operation on all ranks."""
    buffers, problem = _allocated(operation, team, device)
    found = team.gather(problem)
    if buffers is None or any(found):
        return Measured(operation, tuple(map(RankResult, found)))
    call = operation.call(buffers.given, buffers.taken)
    with devices.translate_cuda_errors(device, budget_sec):
        # Each rank makes every call, even after a problem, because the others wait for it.
        problems = [_problem_of_call(buffers, call, team, device) for _ in range(CHECKED_CALLS)]
        found = team.gather(next(filter(None, problems), None))
        if any(found):
            return Measured(operation, tuple(map(RankResult, found)))
        buffers.settle()
        timing, samples = _timed(call, team, device, budget_sec)
        problem = _problem_of_call(buffers, call, team, device)
    found_by_rank = team.gather(RankResult(problem, samples))
    return Measured(operation, tuple(found_by_rank), timing)


def _allocated(
    operation: Operation, team: Team, device: DeviceInfo
) -> tuple[Buffers | None, Problem | None]:
    """Return the buffers, or why there are none."""
    if operation.prime is None:
        reason = f"sums of {operation.ranks} ranks are not exact in {operation.dtype}"
        return None, Problem(CaseStatus.NOT_APPLICABLE, reason)
    try:
        with devices.translate_cuda_errors(device):
            too_large = _memory_problem(operation, team, device)
            if too_large:
                return None, Problem(CaseStatus.DOES_NOT_FIT, too_large)
            return Buffers(operation, team.rank, device.torch_name), None
    except OutOfMemoryError as error:
        return None, Problem(CaseStatus.DOES_NOT_FIT, error.what)


def _memory_problem(operation: Operation, team: Team, device: DeviceInfo) -> str | None:
    """Return why the buffers do not fit; None if they do.

    CPU ranks of a node share its memory; each GPU rank has its own.
    """
    sharing = team.on_node if device.kind == "cpu" else 1
    return devices.memory_problem(BUFFERS * operation.bytes * sharing, device)


def _problem_of_call(
    buffers: Buffers, call: Call, team: Team, device: DeviceInfo
) -> Problem | None:
    """Make one call with new numbers; return what is wrong with the result, if anything."""
    number = team.next_call()
    buffers.fill(number)
    devices.synchronize(device)
    team.meet()
    try:
        call()
    except RuntimeError as error:
        # torch.distributed raises this on all ranks, before anything is sent.
        if "does not support" not in str(error):
            raise
        reason = f"not supported by {team.backend}: {first_line(error)}"
        return Problem(CaseStatus.NOT_APPLICABLE, reason)
    devices.synchronize(device)
    mismatch = buffers.mismatch(number)
    return None if mismatch is None else Problem(CaseStatus.WRONG, str(mismatch))


def _timed(
    call: Call, team: Team, device: DeviceInfo, budget_sec: float
) -> tuple[Timing | None, tuple[float, ...]]:
    """Time the calls; return the timing and this rank's own samples.

    The timing is None on ranks other than 0.
    """
    timer = TeamTimer(make_timer(METHODS[device.kind], call, device), team)
    timing = None
    if team.leads:
        timing = measure_with(timer, device, budget_sec, CONFIG)
        timer.end()
    else:
        timer.follow()
    count = team.from_rank_0(len(timing.samples_sec) if timing else 0)
    return timing, tuple(timer.samples_sec[-count:])
