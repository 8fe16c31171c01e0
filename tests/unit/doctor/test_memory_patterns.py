"""A changed bit in memory is found, whichever it is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from workload.core.models.device import DeviceInfo
from workload.core.models.stress import MemoryTest
from workload.doctor.stress import memory_patterns
from workload.doctor.stress.memory_patterns import SHARE, WORD_BYTES, check_memory, patterns

WORDS = 5000
ALL = 132
CHUNK = 1024


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(memory_patterns.CHUNK_WORDS, "cpu", CHUNK)


def standing() -> float:
    return 0.0


def check(
    cpu: DeviceInfo, write: Callable[[Tensor, Tensor], object] = memory_patterns.store
) -> MemoryTest:
    return check_memory(cpu, 1.0, words=WORDS, write=write, clock=standing)


def test_healthy_memory_keeps_every_pattern(cpu: DeviceInfo) -> None:
    expected = MemoryTest("cpu", WORDS * 8, ALL, ALL * WORDS * 8, 0, None)
    assert check(cpu) == expected


def test_one_flip_in_one_pattern_is_found_and_named(cpu: DeviceInfo) -> None:
    count = 0

    def write(memory: Tensor, words: Tensor) -> None:
        nonlocal count
        count += 1
        memory.copy_(words)
        if count == 13:  # the third pattern's third chunk
            memory[5] ^= 1 << 40

    found = check(cpu, write)
    place = f"word {2 * CHUNK + 5} of pattern '0101', flipped bits 0x10000000000"
    assert (found.wrong_words, found.first_wrong) == (1, place)


@pytest.mark.parametrize("stuck", [0, 1])
@pytest.mark.parametrize("bit", [0, 31, 63])
def test_a_bit_that_is_stuck_is_found(cpu: DeviceInfo, bit: int, stuck: int) -> None:
    mask = torch.tensor(1) << bit

    def write(memory: Tensor, words: Tensor) -> None:
        memory.copy_(words)
        memory[3] = memory[3] | mask if stuck else memory[3] & ~mask

    assert check(cpu, write).wrong_words > 0


def test_two_addresses_of_one_place_are_found(cpu: DeviceInfo) -> None:
    chunks: list[Tensor] = []

    def write(memory: Tensor, words: Tensor) -> None:
        memory.copy_(words)
        chunks.append(memory)
        if len(chunks) == 4:
            chunks[0].copy_(words)  # the fourth chunk's address lines reach the first

    found = check(cpu, write)
    assert found.wrong_words == CHUNK
    assert (found.first_wrong or "").startswith("word 0 of pattern 'address'")


def test_every_bit_of_every_word_is_once_0_and_once_1() -> None:
    addresses = torch.arange(200)
    ones, zeros = torch.zeros_like(addresses), torch.zeros_like(addresses)
    for _, words in patterns():
        ones |= words(addresses)
        zeros |= ~words(addresses)
    assert (ones == -1).all()
    assert (zeros == -1).all()


def test_every_pair_of_bits_of_a_word_differs_in_some_pattern() -> None:
    words = [int(words(torch.tensor([3]))) for _, words in patterns()]
    bits = {tuple(word >> bit & 1 for word in words) for bit in range(64)}
    assert len(bits) == 64


def test_an_allocation_that_fails_is_the_error(
    cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Tensor:
        raise RuntimeError("CUDA out of memory.\nTried to allocate")

    monkeypatch.setattr(memory_patterns.torch, "empty", refuse)
    assert check(cpu).error == "CUDA out of memory."


def test_the_end_of_the_time_ends_it_between_two_chunks(cpu: DeviceInfo) -> None:
    now_sec = 0.0

    def clock() -> float:
        nonlocal now_sec
        now_sec += 1.0
        return now_sec

    found = check_memory(cpu, 30.0, words=WORDS, clock=clock)
    assert 0 < found.patterns < ALL
    assert found.compared_bytes < ALL * WORDS * 8


@pytest.mark.parametrize("available_bytes", [1 << 16, 1 << 20, 1 << 22])
def test_no_more_than_a_share_of_the_free_memory_is_taken(
    cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch, available_bytes: int
) -> None:
    monkeypatch.setattr(memory_patterns.devices, "available_bytes", lambda _: available_bytes)
    found = check_memory(cpu, 1e6, clock=standing)
    assert found.tested_bytes == SHARE["cpu"] * available_bytes


def test_if_free_memory_is_unknown_a_small_part_is_tested(
    cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_patterns.devices, "available_bytes", lambda _: None)
    found = check_memory(cpu, 1e6, clock=standing)
    assert (found.error, found.tested_bytes) == (None, CHUNK * WORD_BYTES)


def test_no_free_memory_is_the_error(cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_patterns.devices, "available_bytes", lambda _: 0)
    assert check_memory(cpu, 1e6, clock=standing).error == "no memory is free to test"


def test_little_time_takes_little_memory(cpu: DeviceInfo) -> None:
    now_sec = 0.0

    def clock() -> float:
        nonlocal now_sec
        now_sec += 0.001
        return now_sec

    found = check_memory(cpu, 1.0, clock=clock)
    assert found.tested_bytes == int(CHUNK * 1.0 / 16 / 0.001) * WORD_BYTES
