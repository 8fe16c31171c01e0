"""Write patterns to a share of the free memory, read them back and compare them word by word.

The first patterns are each word's address and its complement, which reveal whether two addresses
refer to the same location. The next are 0101… and 1010…, in which neighboring bits differ. The
others are walking ones and zeros: each word has a single 1 or a single 0, whose position moves by
one bit from word to word and from pattern to pattern. Each pattern is written completely before it
is read, so that it is read from memory and not from caches.

Does not test memory that other programs use. Does not report physical addresses.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from msgspec.structs import replace
from torch import Tensor

from workload.core.errors import first_line
from workload.core.models.device import DeviceInfo
from workload.core.models.stress import MemoryTest
from workload.hardware import devices

WORD_BYTES = 8
# Other programs need host memory, and a container that exceeds its limit is killed.
SHARE = {"cpu": 0.25, "cuda": 0.7}
# 2 MB and 67 MB. Temporary tensors need the memory of a few more chunks.
CHUNK_WORDS = {"cpu": 1 << 18, "cuda": 1 << 23}
# If there is no time for this many patterns, less memory is tested.
LEAST_PATTERNS = 16
ALTERNATING = 0x5555_5555_5555_5555

Words = Callable[[Tensor], Tensor]  # addresses, int64 -> expected values
Store = Callable[[Tensor, Tensor], object]  # a part of the memory, the values to write
Clock = Callable[[], float]


def store(memory: Tensor, words: Tensor) -> None:
    """Write to memory: the operation under test."""
    memory.copy_(words)


def patterns() -> Iterator[tuple[str, Words]]:
    """Yield all patterns, starting with those that find the most faults."""
    yield "address", lambda address: address
    yield "inverted address", lambda address: ~address
    yield "0101", lambda address: torch.full_like(address, ALTERNATING)
    yield "1010", lambda address: torch.full_like(address, ~ALTERNATING)
    for step in range(64):
        yield f"walking 1, step {step}", partial(_walking_one, step)
        yield f"walking 0, step {step}", partial(_walking_zero, step)


def _walking_one(step: int, address: Tensor) -> Tensor:
    return torch.ones_like(address) << ((address + step) & 63)


def _walking_zero(step: int, address: Tensor) -> Tensor:
    return ~_walking_one(step, address)


def check_memory(  # noqa: PLR0913  tests pass their own memory and clock
    device: DeviceInfo,
    budget_sec: float,
    keep: Callable[[MemoryTest], None] = lambda _: None,
    *,
    words: int | None = None,
    write: Store = store,
    clock: Clock = time.monotonic,
) -> MemoryTest:
    """Write and compare patterns until all are done or the time budget is used up.

    If an allocator or a driver raises an exception, its text becomes the result's `error`. If
    `words` is not given, the free memory and the time budget determine it.
    """
    deadline = clock() + budget_sec
    found = MemoryTest(device.torch_name, 0, 0, 0, 0, None)
    try:
        words = words or _fitting_words(device, budget_sec, write, clock)
        memory = torch.empty(words, dtype=torch.int64, device=device.torch_name)
        found = replace(found, tested_bytes=words * WORD_BYTES)
        for name, words_at in patterns():
            run = _Pattern(device, memory, name, words_at, write)
            for _ in run.written():
                if clock() >= deadline:
                    return found
            for count, wrong, where in run.compared():
                found = _counted(found, count, wrong, where)
                keep(found)
                if clock() >= deadline:
                    return found
            found = replace(found, patterns=found.patterns + 1)
            keep(found)
    except Exception as error:  # allocators and drivers may raise any exception
        found = replace(found, error=first_line(error))
    return found


class _Pattern:
    """A pattern that is written to the tested memory and compared with it, a chunk at a time."""

    def __init__(
        self, device: DeviceInfo, memory: Tensor, name: str, words_at: Words, write: Store
    ) -> None:
        self._memory, self._name, self._words_at, self._write = memory, name, words_at, write
        self._chunk = min(CHUNK_WORDS[device.kind], len(memory))
        self._first = torch.arange(self._chunk, device=memory.device)

    def written(self) -> Iterator[None]:
        for start, part in self._parts():
            self._write(part, self._expected(start, part))
            yield

    def compared(self) -> Iterator[tuple[int, int, str | None]]:
        """Yield each chunk's number of words, its number of mismatches, and its first mismatch."""
        for start, part in self._parts():
            expected = self._expected(start, part)
            wrong = int(torch.count_nonzero(part != expected))
            yield len(part), wrong, self._place(start, part, expected) if wrong else None

    def _parts(self) -> Iterator[tuple[int, Tensor]]:
        for start in range(0, len(self._memory), self._chunk):
            yield start, self._memory[start : start + self._chunk]

    def _expected(self, start: int, part: Tensor) -> Tensor:
        return self._words_at(self._first[: len(part)] + start)

    def _place(self, start: int, part: Tensor, expected: Tensor) -> str:
        index = int((part != expected).nonzero()[0])
        flipped = (int(part[index]) ^ int(expected[index])) % (1 << 64)
        return f"word {start + index} of pattern {self._name!r}, flipped bits {flipped:#x}"


def _counted(found: MemoryTest, count: int, wrong: int, where: str | None) -> MemoryTest:
    return replace(
        found,
        compared_bytes=found.compared_bytes + count * WORD_BYTES,
        wrong_words=found.wrong_words + wrong,
        first_wrong=found.first_wrong or where,
    )


def _fitting_words(device: DeviceInfo, budget_sec: float, write: Store, clock: Clock) -> int:
    """Return how many words fit in SHARE of the free memory and can be tested in `budget_sec`."""
    chunk = CHUNK_WORDS[device.kind]
    free_bytes = devices.available_bytes(device)
    # If free memory is unknown, test one chunk.
    room = chunk if free_bytes is None else int(SHARE[device.kind] * free_bytes) // WORD_BYTES
    if not room:
        raise MemoryError("no memory is free to test")
    memory = torch.empty(min(chunk, room), dtype=torch.int64, device=device.torch_name)
    for _ in range(2):  # the first run loads libraries
        start = clock()
        run = _Pattern(
            device, memory, "trial", partial(_walking_zero, 0), write
        )  # the slowest pattern
        list(run.written())
        list(run.compared())
        seconds = clock() - start
    in_time = int(len(memory) * budget_sec / LEAST_PATTERNS / max(seconds, 1e-9))
    return max(min(chunk, room), min(room, in_time))
