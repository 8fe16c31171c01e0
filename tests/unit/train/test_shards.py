"""The rows of a batch are divided among ranks, each to one."""

import pytest
import torch

from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.train.modes.eager import EagerLoop
from workload.train.modes.mode import draw
from workload.train.modes.ranks import AllReduceLoop, Split, refusal

SPEC = TrainSpec(batch_size=10, input_size=20, hidden_size=5, output_size=2, dtype="float64")


def test_64_rows_on_three_ranks_are_22_21_and_21() -> None:
    rows = torch.arange(64)
    parts = [Split(rank, 3).rows(rows) for rank in range(3)]
    assert [len(part) for part in parts] == [22, 21, 21]
    assert torch.equal(torch.cat(parts), rows)


def test_a_rank_has_the_same_rows_of_both_and_all_weights() -> None:
    data = draw(SPEC)
    x, y, w1, w2 = Split(1, 3).shard(data)
    assert torch.equal(x, data[0][4:7])
    assert torch.equal(y, data[1][4:7])
    assert (w1.shape, w2.shape) == (SPEC.w1_shape, SPEC.w2_shape)


def test_a_split_for_one_rank_trains_as_the_book_does(cpu: DeviceInfo) -> None:
    data = draw(SPEC)
    loop = AllReduceLoop(SPEC, cpu, data, Split(0, 1, silent=True))
    book = EagerLoop(SPEC, cpu, data)
    assert torch.equal(loop.advance(7), book.advance(7))
    assert all(map(torch.equal, loop.weights(), book.weights()))


def test_alone_a_mode_of_ranks_is_refused(cpu: DeviceInfo) -> None:
    assert str(refusal(SPEC, cpu)) == (
        "this mode is for several ranks: add --ranks N, start it with torchrun, or choose another "
        "--mode"
    )


@pytest.mark.parametrize(("ranks", "refused"), [(10, False), (11, True)])
def test_each_rank_has_a_row(
    ranks: int, refused: bool, cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: ranks)
    error = refusal(SPEC, cpu)
    assert (error is not None) is refused
    if error:
        assert str(error) == (
            "11 ranks cannot share 10 rows: start fewer ranks, or choose a larger --batch-size"
        )
