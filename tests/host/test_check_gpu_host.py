"""docker/check-gpu-host: one line with the cure for each thing that is missing, exit code 4."""

import pytest
from fake_host import Host

NO_ENGINE = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'
NOT_ALLOWED = 'echo "permission denied while trying to connect to the socket" >&2; exit 1'
ENGINE = "exit 0"
ENGINE_WITH_RUNTIME = 'case "$*" in *Runtimes*) echo runc; echo nvidia ;; esac'
ENGINE_WITH_CDI = 'case "$*" in *Discovered*) echo \'[{"ID":"nvidia.com/gpu=all"}]\' ;; esac'
DRIVER = 'echo "GPU 0: NVIDIA H200 (UUID: GPU-0)"'


def lines(host: Host, *arguments: str) -> list[str]:
    """Run the check, assert that it refuses with 4 and nothing on stdout; its lines."""
    result = host.run("docker/check-gpu-host", *arguments)
    assert result.returncode == 4
    assert result.stdout == ""
    return result.stderr.splitlines()


def test_a_host_with_driver_and_runtime_prints_the_option_for_all_gpus(host: Host) -> None:
    host.add("docker", ENGINE_WITH_RUNTIME)
    host.add("nvidia-smi", DRIVER)
    result = host.run("docker/check-gpu-host")
    assert (result.returncode, result.stdout, result.stderr) == (0, "--gpus all\n", "")


def test_an_engine_with_a_cdi_device_alone_prints_that_device(host: Host) -> None:
    host.add("docker", ENGINE_WITH_CDI)
    host.add("nvidia-smi", DRIVER)
    result = host.run("docker/check-gpu-host")
    assert (result.returncode, result.stdout) == (0, "--device nvidia.com/gpu=all\n")


def test_an_older_engine_is_asked_for_its_cdi_folders(host: Host) -> None:
    folder = host.bin.parent / "cdi"
    folder.mkdir()
    (folder / "nvidia.yaml").write_text("kind: nvidia.com/gpu\n")
    host.add("docker", f'case "$*" in *CDISpecDirs*) echo "{folder} " ;; esac')
    host.add("nvidia-smi", DRIVER)
    assert host.run("docker/check-gpu-host").stdout == "--device nvidia.com/gpu=all\n"


def test_a_missing_docker_command_is_one_line_with_its_cure(host: Host) -> None:
    host.add("nvidia-smi", DRIVER)
    (line,) = lines(host)
    assert "no engine: the docker command is not installed; install Docker Engine" in line


def test_a_silent_engine_is_one_line_with_its_cure(host: Host) -> None:
    host.add("docker", NO_ENGINE)
    host.add("nvidia-smi", DRIVER)
    (line,) = lines(host)
    assert "no engine: nothing answers at the default socket; start it" in line


def test_a_silent_engine_is_named_by_its_address(host: Host) -> None:
    host.add("docker", NO_ENGINE)
    host.add("nvidia-smi", DRIVER)
    host.environment["DOCKER_HOST"] = "unix:///nowhere"
    (line,) = lines(host)
    assert "nothing answers at unix:///nowhere;" in line


def test_a_forbidden_socket_is_one_line_with_its_cure(host: Host) -> None:
    host.add("docker", NOT_ALLOWED)
    host.add("nvidia-smi", DRIVER)
    (line,) = lines(host)
    assert "may not use Docker's socket; run sudo usermod -aG docker" in line


def test_an_engine_without_runtime_and_cdi_is_one_line_with_its_cure(host: Host) -> None:
    host.add("docker", ENGINE)
    host.add("nvidia-smi", DRIVER)
    (line,) = lines(host)
    assert "no NVIDIA runtime or CDI device" in line
    assert "nvidia-ctk runtime configure" in line


def test_a_missing_driver_is_one_line_with_its_cure(host: Host) -> None:
    host.add("docker", ENGINE_WITH_RUNTIME)
    (line,) = lines(host)
    assert "no driver: nvidia-smi is not installed; install the NVIDIA driver" in line


def test_a_driver_that_fails_is_one_line_with_its_own_words(host: Host) -> None:
    host.add("docker", ENGINE_WITH_RUNTIME)
    host.add("nvidia-smi", 'echo "Driver/library version mismatch"; exit 18')
    (line,) = lines(host)
    assert "nvidia-smi fails (Driver/library version mismatch); load the driver" in line


def test_a_driver_without_a_gpu_is_one_line_with_its_cure(host: Host) -> None:
    host.add("docker", ENGINE_WITH_RUNTIME)
    host.add("nvidia-smi", 'echo "No devices found"')
    (line,) = lines(host)
    assert "no GPU: the driver is loaded and lists none; check" in line


def test_everything_missing_is_said_at_once(host: Host) -> None:
    host.add("docker", ENGINE)
    runtime, driver = lines(host)
    assert "no NVIDIA runtime" in runtime
    assert "no driver" in driver


def test_the_host_engine_needs_a_driver_only(host: Host) -> None:
    host.add("nvidia-smi", DRIVER)
    result = host.run("docker/check-gpu-host", "host")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_host_engine_without_a_driver_is_refused(host: Host) -> None:
    (line,) = lines(host, "host")
    assert "no driver" in line


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2376", "ssh://box"])
def test_the_driver_of_an_engine_elsewhere_is_not_looked_for_here(host: Host, address: str) -> None:
    host.add("docker", ENGINE_WITH_RUNTIME)
    host.environment["DOCKER_HOST"] = address
    assert host.run("docker/check-gpu-host").stdout == "--gpus all\n"


def test_an_unknown_engine_is_bad_input(host: Host) -> None:
    result = host.run("docker/check-gpu-host", "podman")
    assert result.returncode == 2
    assert result.stderr == "check-engine: ENGINE is docker or host, not 'podman'\n"
