"""A record that grows in a file is readable wherever its process ends."""

from pathlib import Path

import pytest
from support.records import measured

from workload.core.errors import ExitCode, NotSavedError
from workload.core.journal import Journal, read_journal
from workload.core.models.case import CaseStatus
from workload.core.models.verify import VerifyResult
from workload.core.records import RecordBuilder

CHECK = VerifyResult("a + b", "float32", 0.0, 1e-7, "error")
TO_COME = [
    measured.case(size=size, status=CaseStatus.INTERRUPTED, timing=None) for size in (64, 128)
]


def started(path: Path) -> tuple[RecordBuilder, Journal]:
    """A record that a journal follows."""
    builder, journal = RecordBuilder("run", ("run",)), Journal(path)
    builder.follow(journal.keep)
    return builder, journal


def test_each_result_is_there_as_soon_as_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "rank-0.jsonl"
    builder, _ = started(path)
    builder.set("verify", [CHECK])
    builder.set("verify", [CHECK, CHECK])
    builder.expect(TO_COME)
    builder.add_case(measured.case(size=64))
    found = read_journal(path)
    assert not found.ended
    assert found.record
    assert found.record.verify == (CHECK, CHECK)
    statuses = [case.status for case in found.record.cases or ()]
    assert statuses == [CaseStatus.OK, CaseStatus.INTERRUPTED]


def test_the_last_line_is_the_whole_record(tmp_path: Path) -> None:
    path = tmp_path / "rank-0.jsonl"
    builder, journal = started(path)
    builder.set("verify", [CHECK])
    ended = builder.as_ended(ExitCode.WRONG_NUMBERS, "wrong")
    journal.keep("lost", "cuda:0 was lost (unknown error)")
    journal.keep("ended", ended)
    found = read_journal(path)
    assert found.ended
    assert found.record == ended
    assert found.lost == "cuda:0 was lost (unknown error)"


@pytest.mark.parametrize("left", [0, 1, 200, -1, -30])
def test_a_line_that_is_cut_off_takes_no_other_with_it(left: int, tmp_path: Path) -> None:
    path = tmp_path / "rank-0.jsonl"
    builder, _ = started(path)
    builder.set("verify", [CHECK])
    whole = path.read_bytes()
    builder.set("verify", [CHECK, CHECK])
    path.write_bytes(whole + path.read_bytes()[len(whole) :][:left])
    found = read_journal(path)
    assert found.record
    assert found.record.verify == (CHECK,)


@pytest.mark.parametrize("text", ["", "nothing\n", "[]\n", '{"started": 1}\n', "{}\n", "\xff\n"])
def test_what_is_no_journal_holds_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rank-0.jsonl"
    path.write_text(text, encoding="latin-1")
    assert read_journal(path).record is None
    assert read_journal(tmp_path / "missing").record is None


def test_a_full_disk_is_reported() -> None:
    with pytest.raises(NotSavedError, match=r"No space left on device; free space or choose "):
        started(Path("/dev/full"))
