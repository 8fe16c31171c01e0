"""The arrays that one rank sends and receives, and the check of every element received."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import torch

from workload.collectives.operations import Operation
from workload.collectives.patterns import Pattern

BLOCK = 1 << 20  # elements that are compared at once
# A cause may explain fewer mismatches by chance: with a prime of 3, it explains one in three.
EVIDENCE = 8


@dataclass(frozen=True)
class Mismatch:
    """A wrong result: `wrong` of `elements` elements are wrong, the first at position `first`."""

    wrong: int
    elements: int
    first: int
    found: float
    expected: float
    cause: str | None

    def __str__(self) -> str:
        """Return the mismatch in one line."""
        text = (
            f"{self.wrong} of {self.elements} elements wrong, element {self.first} is "
            f"{self.found:.9g} instead of {self.expected:.9g}"
        )
        return f"{text} ({self.cause})" if self.cause else text


class Buffers:
    """The arrays that one rank sends and receives: one array if the operation is in place."""

    def __init__(self, operation: Operation, rank: int, device: str) -> None:
        """Allocate the arrays on `device`. Raises PyTorch's error if they do not fit."""
        self._operation = operation
        self._rank = rank
        self._device = torch.device(device)
        dtype = getattr(torch, operation.dtype)
        self._start, count = operation.sent(rank)
        self.given = torch.zeros(count, dtype=dtype, device=device)
        taken = sum(piece.count for piece in operation.result(rank))
        in_place = operation.in_place(rank)
        self.taken = self.given if in_place else torch.zeros(taken, dtype=dtype, device=device)

    def fill(self, call: int) -> None:
        """Write the pattern of this call into the array that is sent."""
        pattern = self._pattern(call)
        for offset, count in _blocks(self.given.numel()):
            values = pattern.sum_of([self._rank], self._start + offset, count)
            self.given[offset : offset + count] = values.to(self.given.dtype)

    def settle(self) -> None:
        """Set the array to 0 if it is summed in place, so that it stays finite over many calls."""
        if self._operation.sums and self.taken is self.given:
            self.given.zero_()

    def mismatch(self, call: int) -> Mismatch | None:
        """Return how the received elements differ from this call's pattern; None if all match."""
        wrong, first, offset = 0, None, 0
        pattern = self._pattern(call)
        for piece in self._operation.result(self._rank):
            for start, count in _blocks(piece.count):
                total = pattern.sum_of(piece.sources, piece.start + start, count)
                expected = total.to(self.taken.dtype)
                found = self.taken[offset : offset + count]
                differs = found != expected
                if bool(differs.any()):
                    wrong += int(differs.sum())
                    if first is None:
                        place = int(differs.nonzero()[0])
                        first = (offset + place, found[place].item(), expected[place].item())
                offset += count
        if first is None:
            return None
        cause = self._cause(call) if wrong >= EVIDENCE else None
        return Mismatch(wrong, self.taken.numel(), *first, cause)

    def _cause(self, call: int) -> str | None:
        """Return the cause that explains every mismatch; None if there is no such cause."""
        differs = self.taken != self._result(self._rank, call)
        for words, other in self._explanations(call):
            if other.shape == self.taken.shape and bool((self.taken == other)[differs].all()):
                return words
        return self._swapped(call, differs)

    def _explanations(self, call: int) -> Iterator[tuple[str, torch.Tensor]]:
        operation, rank = self._operation, self._rank
        yield "nothing was written there", torch.zeros_like(self.taken)
        yield "the result of the previous call: a stale buffer", self._result(rank, call - 1)
        if operation.sums:
            for other in operation.everyone:
                words = f"the contribution of rank {other} is missing"
                yield words, self._result(rank, call, without=other)
        for other in operation.everyone:
            if other != rank:
                yield f"the result of rank {other}", self._result(other, call)

    def _swapped(self, call: int, differs: torch.Tensor) -> str | None:
        """Return which two chunks are swapped; None if no swap explains the result."""
        length = self._operation.chunk
        places = range(0, self.taken.numel() - length + 1, length)
        chunks = [place for place in places if bool(differs[place : place + length].any())]
        expected = self._result(self._rank, call)
        for one, other in combinations(chunks, 2):
            swapped = expected.clone()
            swapped[one : one + length] = expected[other : other + length]
            swapped[other : other + length] = expected[one : one + length]
            if torch.equal(swapped, self.taken):
                return f"chunks {one // length} and {other // length} are swapped"
        return None

    def _result(self, rank: int, call: int, without: int | None = None) -> torch.Tensor:
        """Return the expected result of `rank`, optionally without the contribution of one rank."""
        pattern = self._pattern(call)
        pieces = []
        for piece in self._operation.result(rank):
            sources = [source for source in piece.sources if source != without]
            pieces.append(pattern.sum_of(sources, piece.start, piece.count))
        return torch.cat(pieces).to(self.taken.dtype)

    def _pattern(self, call: int) -> Pattern:
        prime = self._operation.prime
        assert prime is not None  # noqa: S101  operations without a prime are not run
        return Pattern(prime, call, self._device)


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    """Yield the start and length of each block."""
    for start in range(0, count, BLOCK):
        yield start, min(BLOCK, count - start)
