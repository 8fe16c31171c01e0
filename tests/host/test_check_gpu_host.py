"""docker/host/check-gpu-host, which `gpu-run` runs first; test_host_doctor.py tests its faults."""

import pytest
from support.fakes.host import Host
from support.fakes.machine import make_machine


def lines(host: Host, *arguments: str) -> list[str]:
    """Run the check, assert that it refuses with 4 and nothing on stdout; its lines."""
    result = host.run("docker/host/check-gpu-host", *arguments)
    assert result.returncode == 4
    assert result.stdout == ""
    return result.stderr.splitlines()


def test_a_host_with_driver_and_runtime_prints_the_option_for_all_gpus(host: Host) -> None:
    result = make_machine(host, {}).run("docker/host/check-gpu-host")
    assert (result.returncode, result.stdout, result.stderr) == (0, "--gpus all\n", "")


def test_an_engine_with_a_cdi_device_alone_prints_that_device(host: Host) -> None:
    change = {"runtimes": "runc", "devices": '[{"ID":"nvidia.com/gpu=all"}]'}
    result = make_machine(host, change).run("docker/host/check-gpu-host")
    assert (result.returncode, result.stdout) == (0, "--device nvidia.com/gpu=all\n")


def test_an_older_engine_is_asked_for_its_cdi_folders(host: Host) -> None:
    folder = host.bin.parent / "cdi"
    folder.mkdir()
    (folder / "nvidia.yaml").write_text("kind: nvidia.com/gpu\n")
    machine = make_machine(host, {"runtimes": "runc", "cdi_folders": f"{folder} "})
    assert machine.run("docker/host/check-gpu-host").stdout == "--device nvidia.com/gpu=all\n"


def test_docker_needs_no_more_than_nvidias_hook(host: Host) -> None:
    change = {"runtimes": "runc", "adds": ["nvidia-container-runtime-hook"]}
    result = make_machine(host, change).run("docker/host/check-gpu-host")
    assert (result.returncode, result.stdout, result.stderr) == (0, "--gpus all\n", "")


MISSING = 'exec: "/none": stat /none: no such file or directory: unknown'


def test_a_hook_that_only_the_daemon_finds_is_enough(host: Host) -> None:
    run = {"code": 127, "text": f"docker: Error response from daemon: {MISSING}"}
    machine = make_machine(host, {"runtimes": "runc", "import": "sha256:0a", "run": run})
    result = machine.run("docker/host/check-gpu-host")
    assert (result.returncode, result.stdout, result.stderr) == (0, "--gpus all\n", "")
    assert "docker image rm sha256:0a" in host.called


def test_an_engine_that_refuses_has_no_toolkit(host: Host) -> None:
    said = 'could not select device driver "" with capabilities: [[gpu]]'
    change = {"runtimes": "runc", "import": "sha256:0a", "run": {"code": 125, "text": said}}
    (line,) = lines(make_machine(host, change))
    assert "the engine has no NVIDIA runtime and no CDI device" in line


@pytest.mark.parametrize(
    "kind", ['kind: "nvidia.com/gpu"', '{"kind":"nvidia.com/gpu","devices":[]}']
)
def test_a_cdi_spec_that_the_engine_does_not_list_is_tried(host: Host, kind: str) -> None:
    change = {"runtimes": "runc", "files": {"var/run/cdi/nvidia.yaml": kind}}
    result = make_machine(host, change).run("docker/host/check-gpu-host")
    assert (result.returncode, result.stdout) == (0, "--device nvidia.com/gpu=all\n")


@pytest.mark.parametrize("devices", ["null", "[]"])
def test_a_cdi_spec_for_another_use_is_no_gpu(host: Host, devices: str) -> None:
    files = {"etc/cdi/management.yaml": "kind: management.nvidia.com/gpu\n"}
    (line,) = lines(make_machine(host, {"runtimes": "runc", "devices": devices, "files": files}))
    assert "are of another vendor" in line


def test_podman_takes_cdi_and_no_gpus_option(host: Host) -> None:
    change = {
        "version": "Client: Podman Engine\nVersion: 5.4.2",
        "files": {"etc/cdi/nvidia.yaml": "kind: nvidia.com/gpu\n"},
        "adds": ["nvidia-container-runtime-hook"],
        "environment": {"IMAGE": "example.com/workload:gpu"},
    }
    result = make_machine(host, change).run("docker/host/check-gpu-host")
    assert (result.returncode, result.stdout) == (0, "--device nvidia.com/gpu=all\n")


def test_what_an_engine_elsewhere_has_for_its_gpu_is_tried(host: Host) -> None:
    change = {"runtimes": "runc", "environment": {"DOCKER_HOST": "tcp://10.0.0.1:2376"}}
    assert make_machine(host, change).run("docker/host/check-gpu-host").stdout == "--gpus all\n"


def test_a_silent_engine_is_named_by_its_address(host: Host) -> None:
    silent = {"code": 1, "text": "Cannot connect to the Docker daemon"}
    address = {"DOCKER_HOST": "unix:///nowhere"}
    (line,) = lines(make_machine(host, {"info": silent, "environment": address}))
    assert "no engine: no answer at unix:///nowhere; use ENGINE=host, or start it" in line


def test_a_list_without_a_gpu_that_ends_well_is_no_gpu(host: Host) -> None:
    (line,) = lines(make_machine(host, {"smi": "No devices found"}))
    assert "the NVIDIA driver finds no GPU; check" in line


def test_everything_missing_is_said_at_once(host: Host) -> None:
    machine = make_machine(host, {"lacks": ["nvidia-smi"], "runtimes": "runc", "free_kb": "1000"})
    driver, runtime, disk = lines(machine)
    assert "no NVIDIA driver" in driver
    assert "no NVIDIA runtime" in runtime
    assert "free at /var/lib/docker" in disk


def test_the_host_engine_needs_a_driver_only(host: Host) -> None:
    result = make_machine(host, {"lacks": ["docker"]}).run("docker/host/check-gpu-host", "host")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_host_engine_without_a_driver_is_refused(host: Host) -> None:
    (line,) = lines(make_machine(host, {"lacks": ["nvidia-smi"]}), "host")
    assert "no NVIDIA driver" in line


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2376", "ssh://box"])
def test_the_driver_of_an_engine_elsewhere_is_not_looked_for_here(host: Host, address: str) -> None:
    change = {"lacks": ["nvidia-smi"], "environment": {"DOCKER_HOST": address}}
    assert make_machine(host, change).run("docker/host/check-gpu-host").stdout == "--gpus all\n"
