"""`make doctor` and `gpu-run` report every fault of faults.toml, on simulated machines."""

import json
import re
from typing import Any

import pytest
from support.doctor.fault_matrix import faults as faults_of_workload_doctor
from support.fakes.host import CHECKOUT, Host
from support.fakes.machine import GPU, IDS, make_machine, rows
from support.host_report import Result, findings, states

from workload.hardware.cuda_support import minimum_driver

FAULTS = rows("faults")
BASE_BYTES = 500_000_000
# gpu-run does not look at these, or looks at them for the GPU image's sake.
NOT_OF_GPU_RUN = ("host-python", "disk", "results")
COMMAND = 26 * " "  # before a command, which stands alone on its line and is not wrapped


def name_of(fault: dict[str, Any]) -> str:
    return str(fault["fault"])


REPORTS: dict[str, Result] = {}

every_fault = pytest.mark.parametrize("fault", FAULTS, ids=name_of)


def words(fault: dict[str, Any]) -> str:
    """The fault's line, with the sizes from the budget that the images are tested against."""
    budget = json.loads((CHECKOUT / "docker/size-budget.json").read_text())
    needed = {target: (size + BASE_BYTES) / 1e9 for target, size in budget.items()}
    builds = {f"{target}_build": 4 * size for target, size in needed.items()}
    sizes = {name: f"{size:.1f} GB" for name, size in {**needed, **builds}.items()}
    return str(fault["line"]).format(**sizes)


@pytest.fixture
def machine(host: Host, fault: dict[str, Any]) -> Host:
    return make_machine(host, fault["machine"])


@pytest.fixture
def result(machine: Host, fault: dict[str, Any]) -> Result:
    """What the doctor reports of the fault; it runs once for all tests."""
    if name_of(fault) not in REPORTS:
        REPORTS[name_of(fault)] = machine.run("docker/host/doctor")
    return REPORTS[name_of(fault)]


@every_fault
def test_a_fault_gets_its_id_state_line_and_exit_code(
    result: Result, fault: dict[str, Any]
) -> None:
    assert states(result)[fault["id"]] == fault["state"]
    (found,) = [said for head, said in findings(result).items() if head.endswith(f" {fault['id']}")]
    assert found == (words(fault), fault.get("next", ""))
    assert (result.returncode, result.stderr) == (fault["exit"], "")


@every_fault
def test_the_first_failure_is_the_fault_itself(result: Result, fault: dict[str, Any]) -> None:
    found = states(result)
    failed = [id_ for id_, state in found.items() if state == "fail"]
    assert failed[:1] == ([fault["id"]] if fault["state"] == "fail" else [])


@every_fault
@pytest.mark.usefixtures("fault")
def test_every_check_has_a_line_and_all_fit_on_one_screen(result: Result) -> None:
    assert list(states(result)) == IDS
    assert len(result.stdout.splitlines()) <= 24
    text = [line for line in result.stdout.splitlines() if not line.startswith(COMMAND)]
    assert max(map(len, text)) <= 80


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault["id"] not in NOT_OF_GPU_RUN], ids=name_of
)
def test_gpu_run_refuses_what_fails_in_the_doctor(machine: Host, fault: dict[str, Any]) -> None:
    result = machine.run("docker/host/check-gpu-host")
    next_ = fault.get("next", "use make cpu-run")
    refused = fault["state"] == "fail" or "no engine" in fault["line"] or fault["state"] == "n/a"
    if refused:
        assert f": {words(fault)}; {next_}\n" in result.stderr
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (4, "", 1)
    else:
        option = fault.get("option", "--gpus all")
        assert (result.returncode, result.stdout, result.stderr) == (0, f"{option}\n", "")


def test_a_command_stands_alone_on_its_line(host: Host) -> None:
    result = make_machine(host, {"runtimes": "runc"}).run("docker/host/doctor")
    commands = [line for line in result.stdout.splitlines() if line.startswith(COMMAND)]
    assert [line.strip() for line in commands] == [
        "sudo nvidia-ctk runtime configure --runtime=docker",
        "sudo systemctl restart docker",
    ]


def test_a_sound_machine_passes_every_check(host: Host) -> None:
    result = make_machine(host, {}).run("docker/host/doctor")
    assert {id_ for id_, state in states(result).items() if state != "pass"} == {"host-python"}
    assert findings(result)["CPU target"] == ("fit: make cpu-run", "")
    assert findings(result)["GPU target"] == ("fit: make gpu-run", "")
    assert result.returncode == 0


def test_no_check_lacks_a_fault_and_no_fault_lacks_a_check() -> None:
    assert {fault["id"] for fault in FAULTS} == set(IDS)
    assert len({fault["fault"] for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize(
    ("id_", "text"),
    [
        ("memory", " of memory available"),
        ("disk", " free at /"),
        ("gpu-driver", "no NVIDIA driver ("),
        ("gpu-driver", "the NVIDIA driver does not answer ("),
        ("driver-version", " is too old; 580 or newer is required"),
        ("device-nodes", "missing: /dev/nvidia"),
    ],
)
def test_a_check_has_the_text_of_workload_doctor(id_: str, text: str) -> None:
    for faults in (FAULTS, faults_of_workload_doctor()):
        assert any(text in fault["line"] for fault in faults if fault["id"] == id_)


def test_a_machine_without_a_gpu_is_fit_and_says_so(host: Host) -> None:
    (fault,) = [fault for fault in FAULTS if fault["fault"].startswith("no NVIDIA GPU:")]
    result = make_machine(host, fault["machine"]).run("docker/host/doctor")
    said = "not applicable: no NVIDIA GPU in /sys/bus/pci/devices"
    assert findings(result)["GPU target"] == (said, "")
    assert result.returncode == 0


def test_a_target_that_is_unfit_is_named_with_its_checks(host: Host) -> None:
    machine = make_machine(host, {"lacks": ["nvidia-smi"], "runtimes": "runc"})
    result = machine.run("docker/host/doctor")
    assert findings(result)["CPU target"] == ("fit: make cpu-run", "")
    assert findings(result)["GPU target"] == ("unfit: gpu-driver gpu-option", "")


def test_an_existing_image_needs_no_disk_space_and_is_suggested(host: Host) -> None:
    result = make_machine(host, {"image": "", "free_kb": "1000"}).run("docker/host/doctor")
    assert result.returncode == 0
    inside = "docker run --rm --shm-size 1g --gpus all workload:gpu workload doctor"
    assert findings(result)["GPU target"] == (f"fit: make gpu-run {inside}", "")


@pytest.mark.parametrize("line", ["motd: all is well", "WARNING: Mismatch, 1.2"])
def test_other_lines_of_nvidia_smi_are_no_gpus(host: Host, line: str) -> None:
    change = {"smi": f"{line}\nNVIDIA H200, 580.65.06\r\nNVIDIA H200, 580.65.06\r"}
    result = make_machine(host, change).run("docker/host/doctor")
    found = ("driver 580.65.06, GPUs: 2, NVIDIA H200", "")
    assert findings(result)["pass    gpu-driver"] == found


def test_a_gpu_that_only_nvidia_smi_lists_is_a_gpu(host: Host) -> None:
    gone = ("dev/nvidiactl", "dev/char/195:255", f"{GPU}/vendor", f"{GPU}/class")
    files: dict[str, Any] = {"dev/dxg": "", **{path: {} for path in gone}}
    result = make_machine(host, {"files": files}).run("docker/host/doctor")
    assert {state for id_, state in states(result).items() if id_ != "host-python"} == {"pass"}


def test_an_engine_that_is_insisted_on_must_be_there(host: Host) -> None:
    result = make_machine(host, {"lacks": ["docker"]}).run("make", "doctor", "ENGINE=docker")
    assert states(result)["engine"] == "fail"
    assert result.stderr.endswith("doctor] Error 4\n")


def test_an_engine_that_is_not_wanted_is_not_asked(host: Host) -> None:
    result = make_machine(host, {}).run("make", "doctor", "ENGINE=host")
    assert states(result)["engine"] == "n/a"
    assert not any(call.startswith("docker") for call in host.called)


def test_without_an_engine_it_names_the_goal_that_needs_none(host: Host) -> None:
    shown = make_machine(host, {}).run("make", "doctor", "ENGINE=host").stdout
    assert re.search(r"^CPU target +fit: make cpu-run ENGINE=host$", shown, re.M)


def test_an_unknown_engine_is_bad_input(host: Host) -> None:
    result = make_machine(host, {}).run("docker/host/doctor", "lxc")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "doctor: ENGINE is docker, podman or host, not 'lxc'\n"


def test_the_driver_that_is_asked_for_is_the_one_of_the_bases_cuda() -> None:
    bases = (CHECKOUT / "docker/docker-bake.hcl").read_text()
    (cuda,) = re.findall(r"nvidia/cuda:(\d+\.\d+)", bases)
    checks = (CHECKOUT / "docker/host/gpu-checks").read_text()
    assert f"\ndriver_needed={minimum_driver(cuda)}\n" in checks


def test_what_a_driver_says_moves_no_cursor(host: Host) -> None:
    machine = make_machine(host, {"smi": "NVIDIA \x1b]0;title\x07H200, 580.65.06"})
    result = machine.run("docker/host/doctor")
    assert "NVIDIA ]0;titleH200" in result.stdout
    assert not {"\x1b", "\x07"} & set(result.stdout)
