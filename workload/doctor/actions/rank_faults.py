"""Find the faults of the ranks of a run on several devices."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from workload.core.models import rank as end
from workload.core.models.action import Fault
from workload.core.models.finding import State
from workload.core.models.rank import Rank
from workload.core.models.record import Record
from workload.core.rank_speeds import slowness
from workload.doctor.actions.kinds import fault
from workload.doctor.actions.results import result_faults

Failure = tuple[str, str | None]  # id and case of a finding


def faults_by_gpu(record: Record) -> dict[int, list[Fault]]:
    """Return the faults of each GPU that its rank shows."""
    return {
        rank.gpu_index: list(_faults(record, rank))
        for rank in record.ranks or ()
        if rank.gpu_index is not None
    }


def faults_of_ranks(record: Record) -> Iterator[Fault]:
    """Yield the faults that all ranks have, then those of ranks whose GPU is not listed."""
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
    """Yield the faults of one rank that are not the machine's."""
    ranks = record.ranks or ()
    shared = shared_failures(ranks)
    own = tuple(one for one in rank.findings or () if (one.id, one.case) not in shared)
    yield from result_faults(record.of_rank(replace(rank, findings=own)))
    yield from rank_faults(rank, ranks)


def rank_faults(rank: Rank, ranks: Sequence[Rank]) -> Iterator[Fault]:
    """Yield what is wrong with one rank beside its results: how it ended, and how fast it is."""
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
    """Return the checks that failed alike in all ranks: these are of the machine."""
    found = [
        {(one.id, one.case) for one in rank.findings if one.state is State.FAIL}
        for rank in ranks
        if rank.findings
    ]
    return frozenset(set.intersection(*found)) if len(found) > 1 else frozenset()
