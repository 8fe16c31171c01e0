"""PyTorch reports facts about itself and its GPUs; here most of it is a fake."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from workload.core.models.pytorch import SeveralGpus, TorchGpu
from workload.doctor.probes import torch_probe
from workload.doctor.probes.torch_probe import cudnn_text, probe, probe_module, requested_index


def fake_torch(**changes: Any) -> Any:
    """A CUDA build of PyTorch on a machine with one H200."""
    gpu = SimpleNamespace(name="NVIDIA H200", major=9, minor=0, total_memory=141, uuid="1")
    cuda = {
        "init": lambda: None,
        "device_count": lambda: 1,
        "get_device_properties": lambda _: gpu,
        "nccl": SimpleNamespace(version=lambda: (2, 29, 7)),
    }
    return SimpleNamespace(
        __version__="2.13.0+cu130",
        _C=SimpleNamespace(_cuda_getArchFlags=lambda: "sm_80 sm_90"),
        version=SimpleNamespace(cuda="13.0", hip=None),
        cuda=SimpleNamespace(**cuda | changes),
        backends=SimpleNamespace(
            cudnn=SimpleNamespace(version=changes.get("cudnn", lambda: 92000)),
            cpu=SimpleNamespace(get_cpu_capability=lambda: "AVX512"),
        ),
        get_num_threads=lambda: 8,
    )


def raising(text: str) -> Any:
    def ask() -> Any:
        raise RuntimeError(text)

    return ask


def test_a_cuda_build_reports_all_its_facts() -> None:
    facts = probe_module(fake_torch(), "cuda")
    assert (facts.built_for, facts.arch_list, facts.cudnn_version, facts.nccl_version) == (
        "CUDA 13.0",
        ("sm_80", "sm_90"),
        "9.20.0",
        "2.29.7",
    )


def test_a_gpu_has_name_capability_memory_and_uuid() -> None:
    assert probe_module(fake_torch(), "cuda").gpus == (
        TorchGpu("NVIDIA H200", "9.0", 141, "GPU-1"),
    )


def test_the_reason_why_cuda_does_not_start_is_a_fact() -> None:
    facts = probe_module(fake_torch(init=raising("too old\nPlease update")), "cuda")
    assert (facts.gpus, facts.cuda_error) == ((), "too old")


def test_the_reason_why_cudnn_does_not_load_is_a_fact() -> None:
    facts = probe_module(fake_torch(cudnn=raising("version incompatibility")), "cuda")
    assert (facts.cudnn_version, facts.cudnn_error) == (None, "version incompatibility")


def test_cuda_is_not_started_if_the_cpu_is_requested() -> None:
    facts = probe_module(fake_torch(init=raising("must not be called")), "cpu")
    assert (facts.gpus, facts.cuda_error) == ((), None)


def test_kernels_run_on_the_cpu_and_the_requested_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_probe, "probe_in_child", lambda: SeveralGpus((), (), None))
    facts = probe_module(fake_torch(device_count=lambda: 4), "cuda:3")
    assert [(run.operation, run.device) for run in facts.kernels] == [
        ("matmul", "cpu"),
        ("kernel", "cuda:3"),
        ("matmul", "cuda:3"),
        ("convolution", "cuda:3"),
    ]
    assert facts.several == SeveralGpus((), (), None)


def test_one_gpu_is_not_tested_for_peer_access() -> None:
    assert probe_module(fake_torch(), "cuda").several is None


def test_nothing_runs_on_a_missing_gpu() -> None:
    assert [run.device for run in probe_module(fake_torch(), "cuda:9").kernels] == ["cpu"]


def test_a_torch_that_cannot_be_imported_is_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    facts, error = probe("cpu")
    assert facts is None
    assert "torch" in (error or "")


@pytest.mark.parametrize(
    ("number", "text"), [(92000, "9.20.0"), (91002, "9.10.2"), (8902, "8.9.2")]
)
def test_cudnn_versions_read_as_people_write_them(number: int, text: str) -> None:
    assert cudnn_text(number) == text


@pytest.mark.parametrize(("device", "index"), [("cuda:3", 3), ("cuda", 0), ("auto", 0)])
def test_the_gpu_without_a_number_is_the_first(device: str, index: int) -> None:
    assert requested_index(device) == index
