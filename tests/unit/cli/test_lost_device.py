"""A GPU is lost, or runs out of memory, during a run: earlier results are kept."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from msgspec import structs
from support.fakes.nvml import fake_nvml
from support.outcome import Outcome
from torch import Tensor

from workload.bench.operations.matmul import MatMul, multiply
from workload.cli import signals
from workload.cli.commands import matmul as matmul_command
from workload.core import records
from workload.core.errors import XID, ExitCode, LostDeviceError
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.hardware import devices, sensors
from workload.hardware.sensors import NvmlSensor, Reading
from workload.hardware.watchdog import watchdog
from workload.train import loop
from workload.train.modes import MODES
from workload.train.modes.eager import EagerLoop

SIZES = (32, 48, 64)
LAUNCH = torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors …")
ERRORS = [
    LAUNCH,
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: GPU has fallen off the bus"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(…)`"),
]


class Gpu:
    """A GPU that is lost at a matmul of `last` or more, and does not answer from then on."""

    def __init__(self, error: Exception, last: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error, self.last, self.lost = error, last, False
        monkeypatch.setattr(devices, "synchronize", self.synchronize)

    def synchronize(self, _device: object) -> None:
        if self.lost:
            raise self.error

    def multiply(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        self.lost = self.lost or len(a) >= self.last
        self.synchronize(None)
        multiply(a, b, out)


def ask_for(multiply: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    products = [MatMul(Shape(n, n, n), "float32", multiply=multiply) for n in SIZES]
    monkeypatch.setattr(matmul_command, "requested_matmuls", lambda *_: products)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: str(error).split(": ")[1][:20])
def test_the_cases_before_a_lost_gpu_stay_and_the_others_are_not_run(
    error: Exception,
    tmp_path: Path,
    workload: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask_for(Gpu(error, 48, monkeypatch).multiply, monkeypatch)
    outcome = workload("matmul", "--budget", "1", "--output", tmp_path)
    assert outcome.code == ExitCode.UNFIT
    (line,) = outcome.stderr.splitlines()
    what = f"cpu was lost ({str(error).splitlines()[0]})"
    assert line == f"workload matmul: {what}: {line.partition('): ')[2]}"
    (path,) = tmp_path.iterdir()
    saved = records.load(path)
    assert (saved.status, saved.exit_code) == ("failed", ExitCode.UNFIT)
    found = [(case.status, case.reason) for case in saved.cases or ()]
    assert found == [("ok", None), ("skipped", what), ("skipped", what)]
    assert saved.cases
    assert saved.cases[0].timing
    assert "skipped, cpu was lost" in outcome.text


def test_an_error_that_the_gpu_survives_is_no_loss(
    workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("CUDA error: invalid argument")

    ask_for(refuse, monkeypatch)
    outcome = workload("matmul", "--budget", "1")
    assert outcome.code == ExitCode.BUG
    assert "was lost" not in outcome.stderr


def test_smaller_cases_run_though_a_larger_one_ran_out_of_memory(
    workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cramped(a: Tensor, b: Tensor, out: Tensor) -> None:
        if len(a) == SIZES[1]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nmore")
        multiply(a, b, out)

    ask_for(cramped, monkeypatch)
    outcome = workload("matmul", "--budget", "1", "--json")
    assert outcome.code == ExitCode.UNFIT
    found = [(case["status"], case["reason"]) for case in json.loads(outcome.stdout)["cases"]]
    reason = "out of memory: CUDA out of memory. Tried to allocate 9 GiB."
    assert found == [("ok", None), ("does_not_fit", reason), ("ok", None)]


def test_the_cases_before_a_gpu_stops_answering_stay(
    tmp_path: Path, workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "save_and_exit", lambda code, save: save(code))

    def silent(a: Tensor, b: Tensor, out: Tensor) -> None:
        if len(a) == SIZES[1]:
            assert watchdog.on_silence
            watchdog.on_silence(LostDeviceError("cuda:0", "no answer within 120 s"))
        multiply(a, b, out)

    ask_for(silent, monkeypatch)
    assert workload("matmul", "--budget", "1", "--output", tmp_path).code == ExitCode.UNFIT
    (path,) = tmp_path.iterdir()
    saved = records.load(path)
    assert saved.reason == f"cuda:0 was lost (no answer within 120 s): {XID}"
    early = "the run ended before this case"
    found = [(case.status, case.reason) for case in saved.cases or () if case.flops]
    assert found == [("ok", None), ("interrupted", early), ("interrupted", early)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LAUNCH, "cpu was lost (CUDA error: unspecified launch failure): see the kernel's"),
        (torch.OutOfMemoryError("CUDA out of memory."), "out of memory: CUDA out of memory"),
    ],
    ids=["lost", "out of memory"],
)
def test_a_training_keeps_its_losses_when_its_gpu_fails(
    error: Exception,
    words: str,
    tmp_path: Path,
    workload: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = Gpu(error, 0, monkeypatch)

    class Failing(EagerLoop):
        done = 0

        def advance(self, count: int) -> Tensor:
            self.done += count
            if self.done > 250:
                gpu.lost = error is LAUNCH
                raise error
            return super().advance(count)

    monkeypatch.setitem(MODES, "eager", replace(MODES["eager"], start=Failing))
    monkeypatch.setattr(loop, "warm_up", lambda *_: (0.1, True))  # which fails in no step
    outcome = workload("train", "--steps", "1000", "--output", tmp_path)
    assert outcome.code == ExitCode.UNFIT
    assert outcome.stderr.startswith(f"workload train: {words}")
    assert outcome.stderr.count("\n") == 1
    (path,) = tmp_path.iterdir()
    (training,) = records.load(path).train or ()
    assert len(training.losses) == 200


def test_a_gpu_that_is_lost_to_the_driver_says_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = {"error": "GPU is lost"}
    questions = ("PowerUsage", "ComputeRunningProcesses", "ClockInfo", "Temperature")
    nvml = fake_nvml({f"nvmlDeviceGet{name}": lost for name in questions})
    nvml.nvmlDeviceGetHandleByUUID = lambda _uuid: "a handle"
    nvml.nvmlDeviceGetCurrentClocksEventReasons = nvml.nvmlDeviceGetPowerUsage
    nvml.NVML_CLOCK_SM = nvml.NVML_TEMPERATURE_GPU = 0
    monkeypatch.setattr(sensors, "load_nvml", lambda: nvml)
    assert NvmlSensor("GPU-0").read() == Reading(None, None, None, None, None)


def test_what_pytorch_keeps_for_later_is_available(
    cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 50)
    assert devices.available_bytes(structs.replace(cpu, kind="cuda")) == 750
