"""`make gpu-run ENGINE=podman` with the CDI spec of a simulated GPU, rootless."""

import json
from collections.abc import Iterator

import pytest
from support.lab.driver_lab import HOST, Lab, Machine
from support.lab.podman import PodmanHost

pytestmark = pytest.mark.timeout(1500)  # copying the image takes minutes on a busy machine

USER = "dev"
SHORT = "--budget 1 --sizes 64 --dtypes float32"


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory, lab: Lab, site: str) -> Iterator[PodmanHost]:
    folder = tmp_path_factory.mktemp("podman")
    with PodmanHost(folder, lab, Machine(level=HOST), site) as host:
        yield host


def test_gpu_run_goes_to_a_record(podman: PodmanHost, image: str) -> None:
    podman.load(USER, image)
    ended = podman.sh(USER, f"make gpu-run ENGINE=podman IMAGE={image} ARGS='{SHORT}'")
    assert "device     cuda:0: STAND-IN H100" in ended.stdout, ended.stderr
    (path,) = podman.sh(USER, "ls results/*.json").stdout.split()
    record = json.loads(podman.sh(USER, f"cat {path}").stdout)
    assert record["device"]["name"] == "STAND-IN H100"
    assert record["status"] in ("complete", "failed")  # its times may be noisy


def test_the_hosts_doctor_knows_podman(podman: PodmanHost, image: str) -> None:
    ended = podman.sh("root", f"make doctor ENGINE=podman IMAGE={image}")
    said = " ".join(ended.stdout.split())
    assert "make gpu-run uses docker run --device nvidia.com/gpu=all" in said
    assert ended.returncode == 0, said
