"""Records of several GPUs that do not exist, which ran at the same time."""

from typing import Any

from msgspec.structs import replace
from support.records import synthetic

from workload.core.errors import ExitCode
from workload.core.models.case import Case
from workload.core.models.rank import Rank
from workload.core.models.record import Record


def rank(index: int, slower: float = 1.0, **changes: Any) -> Rank:
    """A GPU's rank with all results of a run, whose cases take `slower` times as long."""
    run = synthetic.made(synthetic.GPU)
    one = Rank(
        index,
        "complete",
        ExitCode.OK,
        None,
        (0, 1),
        gpu_index=index,
        gpu_name="synthetic GPU",
        gpu_uuid=f"GPU-{index}0000000-1111-2222-3333-4444444444ab",
        gpu_address=f"0000:{index:02x}:00.0",
        device=run.device,
        verify=run.verify,
        train=run.train,
        cases=tuple(_slower(case, slower) for case in run.cases or ()),
    )
    return replace(one, **changes)


def joint(*ranks: Rank, code: ExitCode = ExitCode.OK) -> Record:
    """The record of a run that had these ranks."""
    return synthetic.made(
        synthetic.GPU, code, cases=None, train=None, verify=None, ceilings=None, ranks=ranks
    )


def _slower(case: Case, factor: float) -> Case:
    if case.timing is None:
        return case
    samples = tuple(factor * sec for sec in case.timing.samples_sec)
    return replace(case, timing=replace(case.timing, samples_sec=samples))
