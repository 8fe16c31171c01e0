"""The number of threads is chosen by measuring."""

import pytest
import torch
from msgspec.structs import replace

from workload.bench import threads
from workload.bench.operations.matmul import MatMul, squares
from workload.bench.runner import unmeasured
from workload.core.methods import HOST_CLOCK, WARM
from workload.core.models.case import CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.timing import Timing
from workload.core.models.waits import Waits
from workload.report.terminal.summary import device_words


def test_the_fastest_number_of_threads_is_taken_and_those_tried_are_told(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    set_to: list[int] = []
    found = {1: (4.0, False), 2: (2.0, False), 4: (1.0, False), 6: (3.0, False)}

    def set_threads(device: DeviceInfo, count: int) -> DeviceInfo:
        set_to.append(count)
        return replace(device, threads=count)

    monkeypatch.setattr(threads.devices, "set_threads", set_threads)
    monkeypatch.setattr(threads, "_probe", lambda device, _probes: found[device.threads])
    best = threads.with_best_threads(replace(cpu, threads=6))
    assert (best.threads, best.swept_threads) == (4, (1, 2, 4, 6))
    assert set_to[-1] == 4


def test_of_counts_nearly_as_fast_the_highest_is_taken() -> None:
    assert threads.fastest({1: (1.0, False), 2: (1.1, False)}) == 2


def test_beside_other_work_the_lowest_of_counts_nearly_as_fast_is_taken() -> None:
    assert threads.fastest({1: (1.1, False), 2: (1.0, True)}) == 1


def test_threads_that_wait_are_still_taken_where_they_are_faster() -> None:
    assert threads.fastest({1: (2.0, False), 2: (1.0, True)}) == 2


def test_the_smallest_and_the_largest_shape_are_probed() -> None:
    shapes = squares(64, 4096, 256)
    probes = threads.probes_of([MatMul(shape, "bfloat16") for shape in shapes])
    assert probes == (MatMul(squares(64)[0], "float32"), MatMul(squares(1024)[0], "float32"))


def test_equal_shapes_are_probed_once() -> None:
    shapes = squares(2048, 4096)
    probes = threads.probes_of([MatMul(shape, "float64") for shape in shapes])
    assert probes == threads.probes_of([]) == (threads.PROBE,)


def test_a_probe_is_as_slow_as_its_median_and_waits_with_its_threads(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    """The fastest sample would hide a wait that most of them have."""
    waits = Waits(1.0, run_delay_sec=0.5, waits=9, foreign_sec=0.9)
    timing = Timing(HOST_CLOCK, WARM, 1, (1e-6, 4e-3, 4e-3), 0.1, True, 0.0, waits=waits)
    case = replace(unmeasured(threads.PROBE, CaseStatus.OK), timing=timing)
    monkeypatch.setattr(threads, "run_case", lambda *_: case)
    assert threads._probe(cpu, [threads.PROBE]) == (pytest.approx(4e-3), True)


@pytest.mark.parametrize(
    ("waited", "words"),
    [
        (False, "1 thread (fastest of 1 and 2)"),
        (True, "1 thread (fastest of 1 and 2 while other programs ran)"),
    ],
)
def test_a_choice_beside_other_work_is_shown_as_one(
    waited: bool, words: str, cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "counts_up_to", lambda _: (1, 2))
    monkeypatch.setattr(threads, "_probe", lambda device, _: (float(device.threads), waited))
    best = threads.with_best_threads(cpu)
    torch.set_num_threads(cpu.threads)
    assert device_words(best).endswith(words)


def test_a_gpu_needs_no_sweep(cpu: DeviceInfo) -> None:
    gpu = replace(cpu, kind="cuda")
    assert threads.with_best_threads(gpu) is gpu


@pytest.mark.parametrize(
    ("most", "counts"),
    [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (8, (1, 2, 4, 8)), (6, (1, 2, 4, 6))],
)
def test_powers_of_two_and_all_that_there_are_are_tried(most: int, counts: tuple[int, ...]) -> None:
    assert threads.counts_up_to(most) == counts


@pytest.mark.clock
def test_this_cpu_is_left_with_the_number_of_threads_that_was_taken(cpu: DeviceInfo) -> None:
    best = threads.with_best_threads(cpu)
    assert best.swept_threads == threads.counts_up_to(cpu.threads)
    assert torch.get_num_threads() == best.threads
    torch.set_num_threads(cpu.threads)
