"""What a rank found, in the words of the machine."""

from pathlib import Path

import pytest
from support.doctor.machines import DRIVER
from support.records import measured

from workload.core.errors import ExitCode
from workload.core.journal import Found, Journal, read_journal
from workload.core.models.case import CaseStatus
from workload.core.models.verify import VerifyResult
from workload.core.records import RecordBuilder
from workload.ranks.results import doing, make_rank
from workload.ranks.slots import Slot

SLOT = Slot(2, "cuda:0", (4, 5), DRIVER.gpus[0])


def test_a_rank_has_its_gpu_by_the_drivers_names() -> None:
    rank = make_rank(SLOT, Found(None), "died", "ended by SIGSEGV", [])
    gpu = DRIVER.gpus[0]
    assert gpu.state
    assert (rank.gpu_index, rank.gpu_uuid, rank.gpu_name) == (gpu.index, gpu.uuid, gpu.name)
    assert rank.gpu_address == gpu.state.pcie.address
    assert (rank.title, rank.cpus) == ("GPU 0", (4, 5))


def test_what_a_rank_calls_its_device_is_put_into_words() -> None:
    line = "workload run: cuda:0 was lost (unknown error): see the kernel's log"
    found = Found(None, lost="cuda:0 was lost (unknown error)")
    rank = make_rank(SLOT, found, "died", "ended by SIGSEGV", ["a library's line", line, line])
    assert rank.errors == ("the GPU was lost (unknown error): see the kernel's log",)
    assert rank.lost_device == "the GPU was lost (unknown error)"


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({}, "the doctor"),
        ({"findings": []}, "verify"),
        (
            {"findings": [], "verify": [VerifyResult("a + b", "float32", 0.0, 1.0, "error")]},
            "verify, after a + b float32",
        ),
        ({"findings": [], "train": [measured.TRAINING]}, "training book"),
    ],
)
def test_what_a_rank_did_last_is_the_stage_after_its_results(
    sections: dict[str, list[VerifyResult]], words: str, tmp_path: Path
) -> None:
    builder, journal = RecordBuilder("run", ()), Journal(tmp_path / "rank-0.jsonl")
    builder.follow(journal.keep)
    for name, value in sections.items():
        builder.set(name, value)
    assert doing(read_journal(tmp_path / "rank-0.jsonl")) == words


def test_what_a_rank_did_last_is_the_case_to_come(tmp_path: Path) -> None:
    builder, journal = RecordBuilder("run", ()), Journal(tmp_path / "rank-0.jsonl")
    builder.follow(journal.keep)
    builder.set("findings", [])
    to_come = [
        measured.case(size=size, status=CaseStatus.INTERRUPTED, timing=None) for size in (64, 128)
    ]
    builder.expect(to_come)
    builder.add_case(measured.case(size=64))
    assert doing(read_journal(tmp_path / "rank-0.jsonl")) == "matmul 128 float32"
    journal.keep("case", measured.case(size=128))
    assert doing(read_journal(tmp_path / "rank-0.jsonl")) == "the steps after its last case"
    journal.keep("ended", builder.as_ended(ExitCode.OK, None))
    assert read_journal(tmp_path / "rank-0.jsonl").ended
