"""Every planted fault of a result is found, in every operation, dtype and size, and explained."""

from collections.abc import Callable

import pytest
import torch
import torch.distributed as dist

from workload.collectives.buffers import BLOCK, Buffers
from workload.collectives.operations import (
    COLLECTIVES,
    AllGather,
    AllReduce,
    AllToAll,
    Exchange,
    Operation,
    ReduceScatter,
)
from workload.collectives.patterns import EXACT_UP_TO

CPU = "cpu"
CALL = 7
Kind = type[Operation]


def received(operation: Operation, rank: int, call: int = CALL) -> Buffers:
    """The buffers of a rank after a call in which everything was right."""
    buffers = Buffers(operation, rank, CPU)
    buffers.taken.copy_(done(operation, rank, call))
    return buffers


def done(operation: Operation, rank: int, call: int) -> torch.Tensor:
    """Do the operation from what each rank sends, written out."""
    sent = []
    for one in range(max(operation.ranks, 2)):
        buffers = Buffers(operation, one, CPU)
        buffers.fill(call)
        sent.append(buffers.given)
    chunk = operation.chunk
    mine = slice(rank * chunk, (rank + 1) * chunk)
    by_kind: dict[str, Callable[[], torch.Tensor]] = {
        "all-reduce": lambda: torch.stack(sent).double().sum(0),
        "reduce-scatter": lambda: torch.stack(sent).double().sum(0)[mine],
        "all-gather": lambda: torch.cat(sent),
        "broadcast": lambda: sent[0],
        "all-to-all": lambda: torch.cat([array[mine] for array in sent]),
        "send-receive": lambda: sent[1 - rank],
    }
    return by_kind[operation.kind]().to(sent[0].dtype)


def pair_of(dtype: str, elements: int) -> Exchange:
    return Exchange(dtype, 2, elements, peers=(1, 0))


@pytest.mark.parametrize("dtype", EXACT_UP_TO)
@pytest.mark.parametrize("ranks", [2, 3, 5])
@pytest.mark.parametrize("kind", COLLECTIVES)
def test_a_right_result_has_no_mismatch(kind: Kind, ranks: int, dtype: str) -> None:
    operation = kind(dtype, ranks, 60 * ranks)
    assert all(received(operation, rank).mismatch(CALL) is None for rank in range(ranks))


def test_a_right_exchange_has_no_mismatch() -> None:
    assert received(pair_of("bfloat16", 64), 0).mismatch(CALL) is None


@pytest.mark.parametrize("dtype", EXACT_UP_TO)
@pytest.mark.parametrize("kind", COLLECTIVES)
def test_one_element_is_found_wherever_it_is(kind: Kind, dtype: str) -> None:
    operation = kind(dtype, 3, 99)
    for place in range(received(operation, 1).taken.numel()):
        buffers = received(operation, 1)
        buffers.taken[place] += 1
        found = buffers.mismatch(CALL)
        assert found
        assert (found.wrong, found.first, found.cause) == (1, place, None)
        assert found.found == found.expected + 1


def test_one_element_beyond_the_first_block_is_found() -> None:
    buffers = received(AllGather("bfloat16", 2, BLOCK * 2 + 10), 0)
    buffers.taken[-1] = float("nan")
    assert "element 2097161 is nan instead of" in str(buffers.mismatch(CALL))


@pytest.mark.parametrize("dtype", EXACT_UP_TO)
@pytest.mark.parametrize("missing", [0, 1, 2])
@pytest.mark.parametrize("kind", [AllReduce, ReduceScatter])
def test_a_missing_contribution_is_found_and_named(kind: Kind, missing: int, dtype: str) -> None:
    operation = kind(dtype, 3, 300)
    buffers = received(operation, 1)
    absent = Buffers(operation, missing, CPU)
    absent.fill(CALL)
    start = operation.result(1)[0].start
    buffers.taken -= absent.given[start : start + buffers.taken.numel()]
    found = buffers.mismatch(CALL)
    assert found
    assert found.wrong == found.elements
    assert found.cause == f"the contribution of rank {missing} is missing"


@pytest.mark.parametrize("dtype", EXACT_UP_TO)
@pytest.mark.parametrize("kind", [AllReduce, AllGather, AllToAll])
@pytest.mark.parametrize("length", [31, 64, 83 * 12])
def test_two_swapped_chunks_are_found_and_named(kind: Kind, length: int, dtype: str) -> None:
    buffers = received(kind(dtype, 3, 3 * length), 0)
    last = buffers.taken[2 * length :].clone()
    buffers.taken[2 * length :] = buffers.taken[:length].clone()
    buffers.taken[:length] = last
    found = buffers.mismatch(CALL)
    assert found
    assert found.cause == "chunks 0 and 2 are swapped"


def test_a_chunk_that_went_to_another_rank_is_found_and_named() -> None:
    operation = ReduceScatter("bfloat16", 3, 300)
    buffers = received(operation, 0)
    buffers.taken.copy_(done(operation, 2, CALL))
    found = buffers.mismatch(CALL)
    assert found
    assert found.cause == "the result of rank 2"


@pytest.mark.parametrize("dtype", EXACT_UP_TO)
@pytest.mark.parametrize("kind", COLLECTIVES)
def test_a_stale_buffer_is_found_and_named(kind: Kind, dtype: str) -> None:
    found = received(kind(dtype, 3, 300), 1, call=CALL - 1).mismatch(CALL)
    assert found
    assert found.cause == "the result of the previous call: a stale buffer"


def test_a_result_that_was_never_written_is_found_and_named() -> None:
    found = Buffers(pair_of("float16", 64), 0, CPU).mismatch(CALL)
    assert str(found).endswith(
        "of 64 elements wrong, element 0 is 0 instead of "
        f"{found.expected:.9g} (nothing was written there)"  # type: ignore[union-attr]
    )


@pytest.mark.parametrize(
    ("kind", "new", "old"),
    [
        (AllGather, "all_gather_single", "all_gather_into_tensor"),
        (ReduceScatter, "reduce_scatter_single", "reduce_scatter_tensor"),
    ],
)
def test_a_function_that_torch_renamed_has_its_old_name_before(
    kind: Kind, new: str, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.delattr(dist, new, raising=False)
    monkeypatch.setattr(dist, old, lambda *_tensors: called.append(old))
    kind("float32", 2, 8).call(torch.zeros(4), torch.zeros(8))()
    assert called == [old]


def test_sums_in_place_stay_finite_in_many_calls() -> None:
    buffers = Buffers(AllReduce("bfloat16", 2, 8), 0, CPU)
    buffers.fill(CALL)
    buffers.settle()
    assert not buffers.taken.any()
