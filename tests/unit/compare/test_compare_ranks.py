"""A record of several devices is compared as several runs of one device."""

from pathlib import Path

import pytest
from support.records.several import joint, rank
from support.records.synthetic import GPU, made

from workload.compare import pair
from workload.compare.loader import load_side
from workload.core.errors import BadInputError, ExitCode
from workload.core.models.record import Record
from workload.core.records import dump


def saved(folder: Path, name: str, record: Record) -> Path:
    path = folder / f"{name}.json"
    path.write_bytes(dump(record))
    return path


def test_each_rank_is_a_run_of_its_side(tmp_path: Path) -> None:
    side = load_side(saved(tmp_path, "one", joint(*map(rank, range(8)))))
    assert side.device.name == "synthetic GPU"
    assert [run.part for run in side.runs][:2] == ["GPU 0 of 8", "GPU 1 of 8"]
    assert len(side.runs) == 8


def test_the_same_gpus_are_paired(tmp_path: Path) -> None:
    baseline = load_side(saved(tmp_path, "one", joint(rank(0), rank(1, 2.0))))
    candidate = load_side(saved(tmp_path, "two", joint(rank(0, 1.1), rank(1, 2.2))))
    (speed, *_) = pair(baseline, candidate).speeds
    assert speed.speedup == pytest.approx(1 / 1.1)


def test_a_rank_that_measured_nothing_is_a_problem_and_the_others_count(tmp_path: Path) -> None:
    lost = rank(1, ended="lost", exit_code=None, device=None, cases=None, train=None, verify=None)
    path = saved(tmp_path, "one", joint(rank(0), lost, code=ExitCode.UNFIT))
    side = load_side(path)
    assert [run.part for run in side.runs] == ["GPU 0 of 2"]
    assert side.problems == (
        f"{path} (GPU 1 of 2) has no device, as its run ended early: choose another record",
    )


def test_ranks_that_all_measured_nothing_are_refused(tmp_path: Path) -> None:
    lost = rank(0, ended="lost", exit_code=None, device=None, cases=None, train=None, verify=None)
    with pytest.raises(BadInputError, match=r"\(GPU 0 of 1\) has no device"):
        load_side(saved(tmp_path, "one", joint(lost)))


def test_several_gpus_are_compared_with_one(tmp_path: Path) -> None:
    one = load_side(saved(tmp_path, "one", made(GPU)))
    eight = load_side(saved(tmp_path, "eight", joint(*map(rank, range(8)))))
    assert pair(one, eight).speeds
