"""Find faults in results: wrong numbers, failed checks, invalid times, and failed or slow ranks."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from workload.core.models import rank as end
from workload.core.models.action import Fault
from workload.core.models.case import CaseStatus
from workload.core.models.finding import State
from workload.core.models.rank import Rank
from workload.core.models.record import Record
from workload.core.models.train import TrainResult
from workload.core.rank_speeds import slowness
from workload.core.train_spec import STABLE_STEP_TIMES_INPUT
from workload.doctor.actions.kinds import fault
from workload.doctor.checks.check import WRONG

Failure = tuple[str, str | None]  # id and case of a finding
# Checks whose facts `faults` judges for each GPU.
BY_GPU = frozenset({"ecc", "row-remap", "recovery-action", "fabric", "sram-ecc"})
# Cases in which the driver hangs, or ends every process that uses it.
BLOCKED = frozenset({("gpu-driver", "hung"), ("cuda-start", "hung"), ("cuda-start", "died")})
# Learning rate × input size of the presets `book` and `wide`, plus 1% for rounding.
MOST_STEP_TIMES_INPUT = 1.01 * STABLE_STEP_TIMES_INPUT


def result_faults(record: Record) -> Iterator[Fault]:
    """Yield faults for wrong numbers, failed checks, and cases without a valid time."""
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
    """Yield one fault for all wrong results; its action is to drain the machine."""
    wrong = [
        *(one.found for one in record.findings or () if one.case == WRONG),
        *(f"{one.name} {one.dtype}" for one in record.verify or () if not one.ok),
        *(case.name for case in record.cases or () if case.status is CaseStatus.WRONG),
        *(f"training {one.preset or 'custom'}" for one in record.train or () if _is_wrong(one)),
    ]
    if wrong:
        yield fault("wrong-numbers", evidence=wrong)


def _is_wrong(trained: TrainResult) -> bool:
    """Return whether training diverged although the learning rate suits the input size."""
    step_times_input = trained.learning_rate * trained.input_size
    return bool(trained.diverged_at_step) and step_times_input <= MOST_STEP_TIMES_INPUT


def faults_by_gpu(record: Record) -> dict[int, list[Fault]]:
    """Return the faults in the results of each GPU's rank, by GPU index."""
    return {
        rank.gpu_index: list(_faults(record, rank))
        for rank in record.ranks or ()
        if rank.gpu_index is not None
    }


def faults_of_ranks(record: Record) -> Iterator[Fault]:
    """Yield the faults that all ranks share.

    Then yield the faults of each rank whose device is not one of the GPUs that the driver lists.
    """
    ranks = record.ranks or ()
    shared = shared_failures(ranks)
    examined = next((rank.findings for rank in ranks if rank.findings), ())
    common = tuple(one for one in examined if (one.id, one.case) in shared)
    yield from result_faults(replace(record, findings=common))
    driver = record.environment.driver if record.environment else None
    listed = {gpu.index for gpu in driver.gpus} if driver else set()
    for rank in ranks:
        if rank.gpu_index not in listed:
            for one in _faults(record, rank):
                yield replace(one, reason=f"{rank.title}: {one.reason}")


def _faults(record: Record, rank: Rank) -> Iterator[Fault]:
    """Yield the faults of one rank, without those that all ranks share."""
    ranks = record.ranks or ()
    shared = shared_failures(ranks)
    own = tuple(one for one in rank.findings or () if (one.id, one.case) not in shared)
    yield from result_faults(record.of_rank(replace(rank, findings=own)))
    yield from rank_faults(rank, ranks)


def rank_faults(rank: Rank, ranks: Sequence[Rank]) -> Iterator[Fault]:
    """Yield faults if a rank lost its device, did not end by itself, or is slower than others."""
    on_gpu = rank.gpu_index is not None
    where = f" in {rank.doing}" if rank.doing else ""
    if rank.lost_device:
        yield fault("lost-device", rank.lost_device)
    if rank.ended == end.LOST:
        yield fault("no-answer", rank.reason or "")
    if rank.ended == end.DIED:
        yield fault("rank-died", f"its process{where} {rank.reason}")
    if rank.ended == end.HUNG:
        kind = "rank-hung" if on_gpu else "rank-hung-cpu"
        yield fault(kind, f"its process{where} {rank.reason}", id_="rank-hung")
    behind = slowness(rank, ranks)
    if behind and behind.counts:
        words = f"takes {behind.factor:.2f} times as long as the others for {behind.kind}"
        yield fault("rank-slow" if on_gpu else "rank-slow-cpu", words, id_="rank-slow")


def shared_failures(ranks: Sequence[Rank]) -> frozenset[Failure]:
    """Return the checks that failed with the same case in all ranks, and so concern the machine."""
    found = [
        {(one.id, one.case) for one in rank.findings if one.state is State.FAIL}
        for rank in ranks
        if rank.findings
    ]
    return frozenset(set.intersection(*found)) if len(found) > 1 else frozenset()
