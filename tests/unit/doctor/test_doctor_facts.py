"""The doctor's facts: from fixture trees, from fakes, and from this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.fakes.devices import H200, healthy_driver, missing_driver
from support.trees import write

from workload.core.errors import ExitCode
from workload.core.models.facts import QUICK
from workload.core.models.finding import State
from workload.core.models.gpu import Driver
from workload.core.models.model import as_json
from workload.doctor import exit_code
from workload.doctor.checks.registry import run_all
from workload.doctor.probes import facts as facts_module
from workload.doctor.probes.facts import gather
from workload.doctor.probes.machine import (
    read_cpu,
    read_device_nodes,
    read_environment,
    read_kernel_driver,
    read_link_widths,
    read_system,
    read_user,
)


def test_the_driver_that_answers_is_among_the_facts(tmp_path: Path) -> None:
    driver = gather("cpu", healthy_driver, tmp_path).driver
    assert driver is not None
    assert driver.gpus == (H200,)


def test_the_reason_of_a_driver_that_does_not_answer_is_among_the_facts(tmp_path: Path) -> None:
    facts = gather("cpu", missing_driver, tmp_path)
    assert (facts.driver, facts.driver_error) == (None, "NVML: NVML Shared Library Not Found")


def test_a_driver_that_raises_anything_is_a_reason(tmp_path: Path) -> None:
    def broken() -> Driver:
        raise UnicodeDecodeError("utf-8", b"", 0, 1, "invalid start byte")

    assert "invalid start byte" in (gather("cpu", broken, tmp_path).driver_error or "")


def test_quick_does_not_import_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_module, "probing", lambda *_: pytest.fail("torch was asked"))
    facts = gather("cuda", healthy_driver, tmp_path, QUICK)
    assert (facts.torch, facts.torch_error) == (None, None)
    assert facts.torch_files is not None


def test_facts_are_json(tmp_path: Path) -> None:
    plain = as_json(gather("cpu", healthy_driver, tmp_path))
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize(
    ("path", "kind"), [(".dockerenv", "docker"), ("run/.containerenv", "podman")]
)
def test_a_container_is_recognized_by_its_file(tmp_path: Path, path: str, kind: str) -> None:
    write(tmp_path, path)
    assert read_system(tmp_path, {}).container == kind


def test_a_pod_is_recognized_by_its_environment(tmp_path: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert read_system(tmp_path, environment).container == "kubernetes"


def test_without_such_a_file_there_is_no_container(tmp_path: Path) -> None:
    assert read_system(tmp_path, {}).container is None


def test_the_image_is_what_the_environment_names(tmp_path: Path) -> None:
    assert read_system(tmp_path, {"WORKLOAD_IMAGE": "sha256:1"}).image == "sha256:1"
    assert read_system(tmp_path, {"WORKLOAD_IMAGE": ""}).image is None


def test_the_distribution_has_its_pretty_name(tmp_path: Path) -> None:
    write(tmp_path, "etc/os-release", 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n')
    assert read_system(tmp_path, {}).os == "Ubuntu 24.04 LTS"


def test_an_x86_cpu_has_model_cores_and_instruction_sets(tmp_path: Path) -> None:
    thread = (
        "processor\t: {}\nmodel name\t: Xeon\nphysical id\t: 0\ncore id\t: {}\nflags\t: fpu avx2\n"
    )
    write(tmp_path, "proc/cpuinfo", "\n".join(thread.format(n, n // 2) for n in range(4)))
    cpu = read_cpu(tmp_path)
    assert (cpu.model, cpu.physical_cores, cpu.isa) == ("Xeon", 2, ("avx2",))


def test_an_arm_cpu_has_features_and_no_model(tmp_path: Path) -> None:
    write(tmp_path, "proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd sve2\n")
    cpu = read_cpu(tmp_path)
    assert (cpu.model, cpu.physical_cores, cpu.isa) == (None, None, ("asimd", "sve2"))


def test_without_cpuinfo_the_cpu_is_unknown(tmp_path: Path) -> None:
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
def test_the_kernel_module_has_a_version(tmp_path: Path, text: str, version: str) -> None:
    write(tmp_path, "proc/driver/nvidia/version", text)
    assert read_kernel_driver(tmp_path) == version


def test_no_kernel_module_has_no_version(tmp_path: Path) -> None:
    assert read_kernel_driver(tmp_path) is None


def test_device_nodes_are_files_of_nvidia_and_of_wsl(tmp_path: Path) -> None:
    for path in ("nvidia0", "nvidiactl", "dxg", "null", "nvidia-caps/nvidia-cap1"):
        write(tmp_path, f"dev/{path}")
    paths = [node.path for node in read_device_nodes(tmp_path)]
    assert paths == ["/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"]


def test_a_node_that_its_mode_permits_but_the_system_denies_is_not_accessible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "dev/nvidia0")
    monkeypatch.setattr(os, "access", lambda *_: False)
    (node,) = read_device_nodes(tmp_path)
    assert (node.accessible, node.permitted) == (False, True)


def test_a_node_of_another_user_is_not_permitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "dev/nvidia0")
    (tmp_path / "dev/nvidia0").chmod(0o660)
    for name, answer in (("getuid", 12345), ("getgid", 12345), ("getgroups", [])):
        monkeypatch.setattr(os, name, lambda answer=answer: answer)
    (node,) = read_device_nodes(tmp_path)
    assert not node.permitted


def test_only_lanes_of_nvidia_devices_are_read(tmp_path: Path) -> None:
    for address, vendor in (("0000:01:00.0", "0x10de"), ("0000:02:00.0", "0x8086")):
        write(tmp_path, f"sys/bus/pci/devices/{address}/vendor", vendor)
        write(tmp_path, f"sys/bus/pci/devices/{address}/max_link_width", "16\n")
    assert read_link_widths(tmp_path) == {"0000:01:00.0": 16}


def test_only_allowed_variables_leave_the_machine() -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "0", "API_TOKEN": "secret", "PATH": "/bin"}
    assert read_environment(environment) == {"CUDA_VISIBLE_DEVICES": "0"}


def test_a_home_that_exists_can_be_written(tmp_path: Path) -> None:
    assert read_user({"HOME": str(tmp_path)}).home_writable


def test_a_home_that_does_not_exist_cannot_be_written(tmp_path: Path) -> None:
    assert not read_user({"HOME": str(tmp_path / "nowhere")}).home_writable


def test_no_home_is_unknown_and_cannot_be_written() -> None:
    user = read_user({})
    assert (user.home, user.home_writable) == (None, False)


def test_the_write_test_leaves_no_file_behind(tmp_path: Path) -> None:
    read_user({"HOME": str(tmp_path)})
    assert not list(tmp_path.iterdir())


def test_a_name_in_the_environment_replaces_a_passwd_entry() -> None:
    assert read_user({"USER": "anyone"}).has_name_in_environment


def test_the_user_is_this_process() -> None:
    assert read_user({}).uid == os.getuid()


def test_importing_the_doctor_does_not_import_torch() -> None:
    code = "import sys, workload.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_this_machine_is_fit_for_the_cpu() -> None:
    findings = run_all(gather("cpu"))
    assert exit_code(findings) is ExitCode.OK


def test_this_machine_is_fit_for_cuda_only_if_a_matmul_on_the_gpu_was_correct() -> None:
    findings = run_all(gather("cuda"))
    (product,) = [finding for finding in findings if finding.id == "cublas"]
    assert (exit_code(findings) is ExitCode.OK) == (product.state is State.PASS)


def test_a_gpu_number_that_does_not_exist_is_unfit() -> None:
    findings = run_all(gather("cuda:4096"))
    assert exit_code(findings) is ExitCode.UNFIT
