"""Sums of patterns are exact in the dtype, and a pattern differs by rank, position and call."""

import pytest
import torch

from workload.collectives.patterns import EXACT_UP_TO, Pattern, prime_of

CPU = torch.device("cpu")
RANKS = (2, 3, 8, 17, 64, 128)


@pytest.mark.parametrize("dtype", EXACT_UP_TO)
@pytest.mark.parametrize("ranks", RANKS)
def test_a_sum_over_the_ranks_is_exact_in_whatever_order(dtype: str, ranks: int) -> None:
    prime = prime_of(dtype, ranks)
    assert prime
    pattern = Pattern(prime, 1, CPU)
    numbers = [pattern.sum_of([rank], 0, 4096) for rank in range(ranks)]
    exact = pattern.sum_of(list(range(ranks)), 0, 4096)
    for order in (numbers, numbers[::-1]):
        total = torch.zeros(4096, dtype=getattr(torch, dtype))
        for values in order:
            total += values.to(total.dtype)
        assert torch.equal(total.to(torch.int64), exact)


@pytest.mark.parametrize("dtype", EXACT_UP_TO)
def test_a_larger_prime_would_not_be_exact(dtype: str) -> None:
    prime = prime_of(dtype, 3)
    assert prime
    assert 3 * prime <= EXACT_UP_TO[dtype]
    if dtype in ("bfloat16", "float16"):  # the others' next prime is far away, or too large to try
        larger = next(n for n in range(prime + 1, 2 * prime) if all(n % d for d in range(2, n)))
        assert 3 * larger > EXACT_UP_TO[dtype]


def test_no_whole_numbers_of_bfloat16_are_left_for_129_ranks() -> None:
    assert prime_of("bfloat16", 129) is None


def test_no_number_is_0_so_that_each_contribution_counts() -> None:
    assert int(Pattern(2, 1, CPU).sum_of([0], 0, 10_000).min()) == 1


@pytest.mark.parametrize("prime", [2, 3, 31, 8388593])
@pytest.mark.parametrize(
    ("rank", "start", "call"),
    [(1, 0, 1), (0, 1, 1), (0, 4096, 1), (0, 3 * 31 * 4096, 1), (0, 0, 2)],
)
def test_another_rank_position_or_call_has_other_numbers(
    prime: int, rank: int, start: int, call: int
) -> None:
    ours = Pattern(prime, 1, CPU).sum_of([0], 0, 4096)
    theirs = Pattern(prime, call, CPU).sum_of([rank], start, 4096)
    equal = float((ours == theirs).double().mean())
    assert equal == pytest.approx(1 / prime, abs=0.05)


def test_numbers_do_not_depend_on_where_a_block_begins() -> None:
    pattern = Pattern(127, 5, CPU)
    whole = pattern.sum_of([3], 0, 1000)
    assert torch.equal(pattern.sum_of([3], 700, 300), whole[700:])
