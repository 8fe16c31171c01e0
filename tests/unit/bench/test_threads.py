"""The number of threads is chosen by measuring."""

import pytest
import torch
from msgspec.structs import replace

from workload.bench import threads
from workload.core.models.device import DeviceInfo


def test_the_fastest_number_of_threads_is_taken_and_those_tried_are_told(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    set_to: list[int] = []
    seconds = {1: 4.0, 2: 2.0, 4: 1.0, 6: 3.0}

    def set_threads(device: DeviceInfo, count: int) -> DeviceInfo:
        set_to.append(count)
        return replace(device, threads=count)

    monkeypatch.setattr(threads.devices, "set_threads", set_threads)
    monkeypatch.setattr(threads, "_best_sec", lambda device: seconds[device.threads])
    best = threads.with_best_threads(replace(cpu, threads=6))
    assert (best.threads, best.swept_threads) == (4, (1, 2, 4, 6))
    assert set_to[-1] == 4


def test_of_counts_nearly_as_fast_the_highest_is_taken(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    seconds = {1: 1.0, 2: 1.1}
    monkeypatch.setattr(
        threads.devices, "set_threads", lambda device, count: replace(device, threads=count)
    )
    monkeypatch.setattr(threads, "_best_sec", lambda device: seconds[device.threads])
    assert threads.with_best_threads(replace(cpu, threads=2)).threads == 2


def test_a_gpu_needs_no_sweep(cpu: DeviceInfo) -> None:
    gpu = replace(cpu, kind="cuda")
    assert threads.with_best_threads(gpu) is gpu


def test_one_thread_is_all_that_a_core_offers() -> None:
    assert threads.thread_counts(1) == (1,)


@pytest.mark.clock
def test_this_cpu_is_left_with_the_number_of_threads_that_was_taken(cpu: DeviceInfo) -> None:
    best = threads.with_best_threads(cpu)
    assert best.swept_threads == threads.thread_counts(cpu.threads)
    assert torch.get_num_threads() == best.threads
    torch.set_num_threads(cpu.threads)
