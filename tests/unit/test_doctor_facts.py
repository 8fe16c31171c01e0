"""What the doctor reads: from fixture trees, from stand-ins, and from this very machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import H200, FailingHardware, FakeHardware

from workload.doctor import examine, exit_code, torch_probe
from workload.doctor import facts as facts_module
from workload.doctor.facts import QUICK, gather
from workload.doctor.machine import (
    read_cpu,
    read_device_nodes,
    read_environment,
    read_kernel_driver,
    read_link_widths,
    read_system,
    read_user,
)
from workload.doctor.several_gpus import SeveralGpus
from workload.doctor.torch_probe import (
    TorchGpu,
    cudnn_text,
    probe,
    probe_module,
    requested_index,
)
from workload.errors import ExitCode
from workload.results import State, as_json


def write(root: Path, path: str, text: str = "") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def fake_torch(**changes: Any) -> Any:
    """A CUDA build of PyTorch on a machine with one H200."""
    card = SimpleNamespace(name="NVIDIA H200", major=9, minor=0, total_memory=141, uuid="1")
    cuda = {
        "init": lambda: None,
        "device_count": lambda: 1,
        "get_device_properties": lambda _: card,
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


def test_the_driver_that_answers_is_among_the_facts(tmp_path: Path):
    driver = gather("cpu", FakeHardware(), tmp_path).driver
    assert driver is not None
    assert driver.gpus == (H200,)


def test_the_reason_of_a_driver_that_does_not_answer_is_among_the_facts(tmp_path: Path):
    facts = gather("cpu", FailingHardware("NVML: Unknown Error"), tmp_path)
    assert (facts.driver, facts.driver_error) == (None, "NVML: Unknown Error")


def test_a_driver_that_raises_anything_is_a_reason(tmp_path: Path):
    class Broken:
        def driver(self) -> Any:
            raise UnicodeDecodeError("utf-8", b"", 0, 1, "invalid start byte")

    assert "invalid start byte" in (gather("cpu", Broken(), tmp_path).driver_error or "")


def test_a_quick_look_does_not_import_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(facts_module, "probe", lambda _: pytest.fail("torch was asked"))
    facts = gather("cuda", FakeHardware(), tmp_path, QUICK)
    assert (facts.torch, facts.torch_error) == (None, None)
    assert facts.torch_files is not None


def test_facts_are_json(tmp_path: Path):
    plain = as_json(gather("cpu", FakeHardware(), tmp_path))
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize(
    ("path", "kind"), [(".dockerenv", "docker"), ("run/.containerenv", "podman")]
)
def test_a_container_is_known_by_its_mark(tmp_path: Path, path: str, kind: str):
    write(tmp_path, path)
    assert read_system(tmp_path, {}).container == kind


def test_a_pod_is_known_by_its_environment(tmp_path: Path):
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert read_system(tmp_path, environment).container == "kubernetes"


def test_no_mark_means_no_container(tmp_path: Path):
    assert read_system(tmp_path, {}).container is None


def test_the_distribution_has_its_pretty_name(tmp_path: Path):
    write(tmp_path, "etc/os-release", 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n')
    assert read_system(tmp_path, {}).os == "Ubuntu 24.04 LTS"


def test_an_x86_processor_tells_model_cores_and_instruction_sets(tmp_path: Path):
    thread = (
        "processor\t: {}\nmodel name\t: Xeon\nphysical id\t: 0\ncore id\t: {}\nflags\t: fpu avx2\n"
    )
    write(tmp_path, "proc/cpuinfo", "\n".join(thread.format(n, n // 2) for n in range(4)))
    cpu = read_cpu(tmp_path)
    assert (cpu.model, cpu.physical_cores, cpu.isa) == ("Xeon", 2, ("avx2",))


def test_an_arm_processor_tells_its_features_and_no_model(tmp_path: Path):
    write(tmp_path, "proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd sve2\n")
    cpu = read_cpu(tmp_path)
    assert (cpu.model, cpu.physical_cores, cpu.isa) == (None, None, ("asimd", "sve2"))


def test_a_machine_without_cpuinfo_leaves_the_processor_unknown(tmp_path: Path):
    assert read_cpu(tmp_path).model is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun", "535.54.03"),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release",
            "580.65.06",
        ),
    ],
)
def test_the_kernel_module_tells_its_version(tmp_path: Path, text: str, version: str):
    write(tmp_path, "proc/driver/nvidia/version", text)
    assert read_kernel_driver(tmp_path) == version


def test_no_kernel_module_has_no_version(tmp_path: Path):
    assert read_kernel_driver(tmp_path) is None


def test_device_nodes_are_files_of_nvidia_and_of_wsl(tmp_path: Path):
    for path in ("nvidia0", "nvidiactl", "dxg", "null", "nvidia-caps/nvidia-cap1"):
        write(tmp_path, f"dev/{path}")
    paths = [node.path for node in read_device_nodes(tmp_path)]
    assert paths == ["/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"]


def test_a_node_that_its_mode_permits_and_the_system_refuses_was_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, "dev/nvidia0")
    monkeypatch.setattr(os, "access", lambda *_: False)
    (node,) = read_device_nodes(tmp_path)
    assert (node.accessible, node.permitted) == (False, True)


def test_a_node_of_somebody_else_is_not_permitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, "dev/nvidia0")
    (tmp_path / "dev/nvidia0").chmod(0o660)
    for name, answer in (("getuid", 12345), ("getgid", 12345), ("getgroups", [])):
        monkeypatch.setattr(os, name, lambda answer=answer: answer)
    (node,) = read_device_nodes(tmp_path)
    assert not node.permitted


def test_only_nvidia_devices_tell_their_lanes(tmp_path: Path):
    for address, vendor in (("0000:01:00.0", "0x10de"), ("0000:02:00.0", "0x8086")):
        write(tmp_path, f"sys/bus/pci/devices/{address}/vendor", vendor)
        write(tmp_path, f"sys/bus/pci/devices/{address}/max_link_width", "16\n")
    assert read_link_widths(tmp_path) == {"0000:01:00.0": 16}


def test_only_allowed_variables_leave_the_machine():
    environment = {"CUDA_VISIBLE_DEVICES": "0", "API_TOKEN": "secret", "PATH": "/bin"}
    assert read_environment(environment) == {"CUDA_VISIBLE_DEVICES": "0"}


def test_a_home_that_exists_can_be_written(tmp_path: Path):
    assert read_user({"HOME": str(tmp_path)}).home_writable


def test_a_home_that_does_not_exist_cannot_be_written(tmp_path: Path):
    assert not read_user({"HOME": str(tmp_path / "nowhere")}).home_writable


def test_no_home_is_unknown_and_cannot_be_written():
    user = read_user({})
    assert (user.home, user.home_writable) == (None, False)


def test_looking_for_a_writable_folder_leaves_nothing_behind(tmp_path: Path):
    read_user({"HOME": str(tmp_path)})
    assert not list(tmp_path.iterdir())


def test_a_name_in_the_environment_stands_in_for_a_passwd_entry():
    assert read_user({"USER": "anyone"}).has_name_in_environment


def test_the_user_is_this_process():
    assert read_user({}).uid == os.getuid()


def test_a_cuda_build_tells_everything_about_itself():
    facts = probe_module(fake_torch(), "cuda")
    assert (facts.built_for, facts.arch_list, facts.cudnn_version, facts.nccl_version) == (
        "CUDA 13.0",
        ("sm_80", "sm_90"),
        "9.20.0",
        "2.29.7",
    )


def test_a_gpu_tells_its_name_capability_memory_and_uuid():
    assert probe_module(fake_torch(), "cuda").gpus == (
        TorchGpu("NVIDIA H200", "9.0", 141, "GPU-1"),
    )


def test_the_reason_why_cuda_does_not_start_is_a_fact():
    facts = probe_module(fake_torch(init=raising("too old\nPlease update")), "cuda")
    assert (facts.gpus, facts.cuda_error) == ((), "too old")


def test_the_reason_why_cudnn_does_not_load_is_a_fact():
    facts = probe_module(fake_torch(cudnn=raising("version incompatibility")), "cuda")
    assert (facts.cudnn_version, facts.cudnn_error) == (None, "version incompatibility")


def test_cuda_is_not_started_for_who_asks_for_the_cpu():
    facts = probe_module(fake_torch(init=raising("must not be called")), "cpu")
    assert (facts.gpus, facts.cuda_error) == ((), None)


def test_work_runs_on_the_cpu_and_on_the_gpu_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch_probe, "probe_in_child", lambda: SeveralGpus((), (), None))
    facts = probe_module(fake_torch(device_count=lambda: 4), "cuda:3")
    assert [(run.operation, run.device) for run in facts.kernels] == [
        ("product", "cpu"),
        ("kernel", "cuda:3"),
        ("product", "cuda:3"),
        ("convolution", "cuda:3"),
    ]
    assert facts.several == SeveralGpus((), (), None)


def test_one_gpu_is_not_tried_together_with_others():
    assert probe_module(fake_torch(), "cuda").several is None


def test_nothing_runs_on_a_gpu_that_is_not_there():
    assert [run.device for run in probe_module(fake_torch(), "cuda:9").kernels] == ["cpu"]


def test_a_torch_that_cannot_be_imported_is_a_fact(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    facts, error = probe("cpu")
    assert facts is None
    assert "torch" in (error or "")


@pytest.mark.parametrize(
    ("number", "text"), [(92000, "9.20.0"), (91002, "9.10.2"), (8902, "8.9.2")]
)
def test_cudnn_versions_read_as_people_write_them(number: int, text: str):
    assert cudnn_text(number) == text


@pytest.mark.parametrize(("device", "index"), [("cuda:3", 3), ("cuda", 0), ("auto", 0)])
def test_the_gpu_without_a_number_is_the_first(device: str, index: int):
    assert requested_index(device) == index


def test_importing_the_doctor_does_not_import_torch():
    code = "import sys, workload.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_this_machine_is_fit_for_the_cpu():
    _, findings = examine("cpu")
    assert exit_code(findings) is ExitCode.OK


def test_this_machine_is_fit_for_cuda_only_if_a_product_on_the_gpu_was_right():
    _, findings = examine("cuda")
    (product,) = [finding for finding in findings if finding.id == "cublas"]
    assert (exit_code(findings) is ExitCode.OK) == (product.state is State.PASS)


def test_a_gpu_that_no_machine_has_is_unfit():
    _, findings = examine("cuda:4096")
    assert exit_code(findings) is ExitCode.UNFIT
