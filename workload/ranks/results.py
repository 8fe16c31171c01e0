"""Build the result of one rank from its journal and how its process ended."""

from collections.abc import Iterable
from functools import partial

from workload.core.case_titles import full_title
from workload.core.journal import Found
from workload.core.models import rank as end
from workload.core.models.case import CaseStatus
from workload.core.models.rank import Rank
from workload.core.models.record import Record
from workload.ranks.slots import Slot

SECTIONS = ("device", "findings", "verify", "train", "cases", "ceilings")
SHOWN_ERRORS = 20  # lines of one rank


def make_rank(slot: Slot, found: Found, ended: str, reason: str, lines: Iterable[str]) -> Rank:
    """Return the result of a rank. `ended` is a constant of `models.rank`.

    `reason` is why the rank did not end by itself. `lines` are its lines on stderr.
    """
    record, gpu = found.record, slot.gpu
    by_itself = record if ended in (end.COMPLETE, end.FAILED) else None
    own = partial(_in_words, slot)
    sections = {name: getattr(record, name) for name in SECTIONS} if record else {}
    return Rank(
        rank=slot.rank,
        ended=ended,
        exit_code=by_itself.exit_code if by_itself else None,
        reason=own(by_itself.reason if by_itself else reason),
        cpus=slot.cpus,
        gpu_index=gpu.index if gpu else None,
        gpu_name=gpu.name if gpu else None,
        gpu_uuid=gpu.uuid if gpu else None,
        gpu_address=gpu.state.pcie.address if gpu and gpu.state else None,
        doing=None if by_itself or ended == end.LOST else doing(found),
        errors=tuple(filter(None, map(own, _own_lines(lines)))),
        lost_device=own(found.lost),
        deep=record.environment.deep if record and record.environment else None,
        duration_sec=record.duration_sec if record else 0.0,
        **sections,
    )


def _in_words(slot: Slot, text: str | None) -> str | None:
    """Replace the GPU's name in `text` with "the GPU", because every rank names its GPU cuda:0."""
    return text.replace(slot.device, "the GPU") if text and slot.gpu else text


def doing(found: Found) -> str:
    """Return the last activity of a rank that did not end by itself."""
    record = found.record
    if record is None or record.findings is None:
        return "the doctor" if record else "its start"
    to_come = [case for case in record.cases or () if case.status is CaseStatus.INTERRUPTED]
    if to_come:
        return full_title(to_come[0])
    if record.cases:
        return "the steps after its last case"
    if record.train:
        return f"training {record.train[-1].preset or 'custom'}"
    if record.verify:
        return f"verify, after {record.verify[-1].name} {record.verify[-1].dtype}"
    return _burning(record) or "verify"


def _burning(record: Record) -> str | None:
    deep = record.environment.deep if record.environment else None
    if deep is None:
        return None
    if deep.memory:
        return "the memory test"
    return f"matmuls in {deep.burn_ins[-1].dtype}" if deep.burn_ins else "matmuls"


def _own_lines(lines: Iterable[str]) -> list[str]:
    """Return the error lines of this program, without the program's name."""
    split = (line.partition(": ") for line in lines)
    own = [text for name, _, text in split if name.startswith("workload ") and text]
    return list(dict.fromkeys(own))[:SHOWN_ERRORS]
