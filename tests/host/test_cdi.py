"""A GPU that Docker gives by CDI is found and used."""

from typing import Any

import pytest
from support.fakes.host import Host
from support.fakes.machine import make_machine
from support.host_report import findings, states


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("28.5.2", "warn"),
        ("29.1.5", "warn"),  # moby docker-v29.1.5, daemon/nvidia_linux.go: the hook alone
        ("29.2.0", "pass"),  # moby docker-v29.2.0, daemon/devices_nvidia_linux.go: CDI first
        ("29.10.1", "pass"),
        ("30.0.0", "pass"),
    ],
)
def test_a_daemon_reload_removes_no_gpu_that_docker_gives_by_cdi(
    version: str, state: str, host: Host
) -> None:
    change: dict[str, Any] = {"files": {"dev/char/195:255": {}}, "adds": ["nvidia-cdi-hook"]}
    cdi = {"version": version, "devices": '[{"ID":"nvidia.com/gpu=all"}]'}
    result = make_machine(host, {**change, **cdi}).run("docker/host/doctor")
    assert states(result)["daemon-reload"] == state


# Replayed, not seen here: moby docker-v29.7.2, daemon/devices.go and devices_amd_linux.go. Without
# NVIDIA's programs in its PATH as it starts, Docker takes --gpus for a request of an AMD GPU.
NO_VENDOR = "failed to discover GPU vendor from CDI: no known GPU vendor found"

TAKEN_FOR_AMD = "AMD CDI spec not found"

STARTED = {"code": 127, "text": 'docker: … exec: "/none": stat /none: no such file or directory'}


def docker_29(gpus: str) -> dict[str, Any]:
    refused = {"code": 125, "text": f"docker: Error response from daemon: {gpus}"}
    asked = {"import": "sha256:0a", "gpus": refused, "run": STARTED}
    return {"version": "29.7.2", "runtimes": "runc", **asked}


def test_a_spec_is_used_where_docker_29_takes_gpus_for_those_of_amd(host: Host) -> None:
    spec = {"etc/cdi/nvidia.yaml": "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n"}
    change = {**docker_29(TAKEN_FOR_AMD), "files": spec}
    result = make_machine(host, change).run("docker/host/doctor")
    option = "make gpu-run uses docker run --device nvidia.com/gpu=all"
    assert findings(result)["pass    gpu-option"] == (option, "")


def test_without_a_toolkit_docker_29_has_no_way_to_the_gpu(host: Host) -> None:
    result = make_machine(host, docker_29(NO_VENDOR)).run("docker/host/doctor")
    found, _ = findings(result)["FAIL    gpu-option"]
    assert found == "the engine has no NVIDIA runtime and no CDI device"
    assert result.returncode == 4
