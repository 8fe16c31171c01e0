"""The numbers that ranks send: they depend on rank, position and call, and their sums are exact.

    value = 1 + hash(position, rank, call) mod p

Each dtype represents every integer up to a limit: 2^53 (float64), 2^24 (float32), 2^11 (float16),
2^8 (bfloat16). p is the largest prime below 2^31 for which ranks × p is within the limit. So each
partial sum is exact, whatever the order, and any element that differs is an error. No value is 0,
so a missing contribution changes every element. The hash has no period, so a chunk in the wrong
place differs, whatever its length.

The multipliers are those of SplitMix64 (Steele, Lea & Flood, Fast Splittable Pseudorandom Number
Generators, OOPSLA 2014; S. Vigna's splitmix64.c), including the golden ratio.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

EXACT_UP_TO = {"float64": 1 << 53, "float32": 1 << 24, "float16": 1 << 11, "bfloat16": 1 << 8}
MAX_PRIME = (1 << 31) - 1  # hashes have 31 bits
GOLDEN, MIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9
ODD, ODD_SHIFT = MIX >> 33 | 1, 24  # the product has 62 bits, of which the upper ones are used
_64_BITS = 1 << 64


@cache
def prime_of(dtype: str, terms: int) -> int | None:
    """Return the prime for sums of `terms` ranks in `dtype`; None if there are too many ranks.

    >>> prime_of("bfloat16", 2), prime_of("bfloat16", 3), prime_of("bfloat16", 129)
    (127, 83, None)
    """
    limit = min(EXACT_UP_TO[dtype] // terms, MAX_PRIME)
    return next((number for number in range(limit, 1, -1) if _is_prime(number)), None)


def _is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, int(number**0.5) + 1))


@dataclass(frozen=True)
class Pattern:
    """The numbers that ranks send in one call, modulo `prime`, as tensors on `device`."""

    prime: int
    call: int
    device: torch.device

    def sum_of(self, ranks: Sequence[int], start: int, count: int) -> torch.Tensor:
        """Return the sums over `ranks` for `count` positions from `start` on, as int64."""
        hashes = self._hashes(start, count)
        total = torch.full_like(hashes, len(ranks))
        for rank in ranks:
            # Without this multiplication, the hashes for two keys would differ modulo 2 at every
            # position or at none.
            total += (((hashes ^ _key(rank, self.call)) * ODD) >> ODD_SHIFT) % self.prime
        return total

    def _hashes(self, start: int, count: int) -> torch.Tensor:
        hashes = torch.arange(start + 1, start + count + 1, dtype=torch.int64, device=self.device)
        hashes *= _signed(GOLDEN)  # wraps around
        hashes ^= hashes >> 32
        hashes *= _signed(MIX)
        return (hashes >> 33) & MAX_PRIME


def _key(rank: int, call: int) -> int:
    """Return a 31-bit hash of this rank and call."""
    mixed = ((rank + 1) * GOLDEN + (call + 1) * MIX) % _64_BITS
    return ((mixed ^ mixed >> 32) * MIX % _64_BITS) >> 33


def _signed(number: int) -> int:
    """Return the signed 64-bit number with the same bits as the unsigned `number`."""
    return number - _64_BITS if number >= _64_BITS >> 1 else number
