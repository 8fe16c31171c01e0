"""Small kernels, on this CPU and on fakes for several GPUs."""

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from msgspec import structs

from workload.core.models.pytorch import KernelRun
from workload.doctor.probes import kernels
from workload.doctor.probes.kernels import count_wrong, run, run_kernels
from workload.doctor.probes.several_gpus import probe, probe_in_child


def test_a_matmul_on_this_cpu_is_correct_in_every_element() -> None:
    assert run_kernels("cpu") == (KernelRun("matmul", "cpu", 64 * 64, 0, None),)


@pytest.mark.parametrize("operation", ["_kernel", "_matmul", "_convolution"])
def test_the_gpu_kernels_are_correct_on_this_cpu(operation: str) -> None:
    assert run("convolution", "cpu", getattr(kernels, operation)).wrong == 0


def test_a_kernel_on_a_missing_device_is_an_error_in_one_line() -> None:
    for ran in run_kernels("cuda:99"):
        assert ran.wrong is None
        assert ran.error
        assert "\n" not in ran.error


def bent(value: float) -> tuple[Any, Any]:
    expected = torch.arange(100)
    found = expected.float()
    found[7] = value
    return found, expected


@pytest.mark.parametrize("value", [8.0, 7.001, float("nan"), float("inf")])
def test_a_single_wrong_element_is_counted(value: float) -> None:
    assert run("matmul", "cpu", lambda _: bent(value)).wrong == 1


def test_a_convolution_may_use_fractions() -> None:
    assert run("convolution", "cpu", lambda _: bent(7.01)).wrong == 0


def test_a_convolution_that_is_nearer_to_another_number_is_wrong() -> None:
    assert run("convolution", "cpu", lambda _: bent(7.6)).wrong == 1


def test_errors_that_cancel_in_the_sum_are_both_counted() -> None:
    found, expected = bent(8.0)
    found[8] = 7.0
    assert count_wrong(found, expected) == 2


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_what_the_child_found_is_read_back() -> None:
    found = {
        "unreachable": ["0 and 1"],
        "runs": [structs.asdict(KernelRun("copy", "cuda:0 to cuda:1", 4, 0, None))],
        "error": None,
    }
    answer = f"several: {json.dumps(found)}"
    several = probe_in_child(child(f"print('a warning'); print({answer!r})"))
    assert several.unreachable == ("0 and 1",)
    assert several.runs == (KernelRun("copy", "cuda:0 to cuda:1", 4, 0, None),)


def test_a_child_that_hangs_is_an_error() -> None:
    hung = probe_in_child(child("import time; time.sleep(60)"), 0.2)
    assert hung.error == "its process did not answer within 0.2 s"


def test_a_child_that_dies_is_an_error() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    assert probe_in_child(child(code)).error == "its process ended by SIGSEGV"


@pytest.mark.parametrize("said", ["", "hello", "[]", "{}"])
def test_a_child_that_prints_no_answer_is_an_error(said: str) -> None:
    assert probe_in_child(child(f"print({said!r})")).error == "its process exited with code 0"


@pytest.mark.parametrize("said", ["", "[]", "{}", "hello"])
def test_a_malformed_answer_is_an_error(said: str) -> None:
    error = probe_in_child(child(f"print('several: ' + {said!r})")).error
    assert (error or "").startswith("its answer is malformed: ")


def test_a_child_that_cannot_start_is_an_error() -> None:
    assert "No such file" in (probe_in_child(("/nowhere/python",)).error or "")


class HostCopies:
    """A torch whose two GPUs are this CPU; the all-reduce is the real sum, or a wrong one."""

    def __init__(self, all_reduce: Any) -> None:
        reachable = {(0, 1): False, (1, 0): True}
        nccl = SimpleNamespace(all_reduce=all_reduce)
        self.cuda = SimpleNamespace(
            init=lambda: None,
            device_count=lambda: 3,  # NVML's, of which one is lost
            can_device_access_peer=lambda one, other: reachable[one, other],
            nccl=nccl,
        )
        self._C = SimpleNamespace(_cuda_getDeviceCount=lambda: 2)
        self.int32 = torch.int32
        self.stack = torch.stack

    def arange(self, count: int, dtype: Any) -> Any:
        numbers = torch.arange(count, dtype=dtype)
        return _Anywhere(numbers)

    def full(self, shape: Any, value: float, device: str = "cpu") -> Any:
        assert device.startswith(("cuda:", "cpu"))
        return torch.full(shape, value)


class _Anywhere:
    """A tensor that goes to any device without leaving this one."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def to(self, _device: str) -> "_Anywhere":
        return self

    def cpu(self) -> Any:
        return self._tensor

    def expand(self, *shape: int) -> Any:
        return self._tensor.expand(*shape)


def summed(tensors: list[Any]) -> None:
    total = sum(tensor.clone() for tensor in tensors)
    for tensor in tensors:
        tensor.copy_(total)


def test_several_gpus_copy_and_reduce() -> None:
    several = probe(HostCopies(summed))
    assert several.unreachable == ("0 and 1",)
    assert [(ran.operation, ran.wrong) for ran in several.runs] == [("copy", 0), ("all-reduce", 0)]


def test_an_all_reduce_that_does_nothing_is_wrong_in_every_element() -> None:
    _, reduced = probe(HostCopies(lambda _tensors: None)).runs
    assert reduced.wrong == reduced.elements
