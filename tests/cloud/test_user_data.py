"""The rendered user data fits cloud-init's schema and the clouds' limits."""

from collections.abc import Iterator

import pytest
from docker.models.containers import Container
from support.tars import packed
from support.vm import VM_IMAGE, render, run_script

from docker import DockerClient

DIGEST = "sha256:" + "0" * 64
IMAGE = f"registry.example.com/workload@{DIGEST}"
EC2_LIMIT_BYTES = 16384
CLOUDS = ("aws", "gcp", "azure", "lambda", "cos")


@pytest.fixture(scope="module")
def machine(client: DockerClient) -> Iterator[Container]:
    """A machine with cloud-init that does not boot."""
    container = client.containers.run(VM_IMAGE, ["sleep", "300"], init=True, detach=True)
    yield container
    container.remove(force=True, v=True)


def findings(machine: Container, user_data: str) -> str:
    """Return the errors that cloud-init's schema command finds."""
    machine.put_archive("/", packed({"/root/user-data": user_data}))
    code, said = run_script(machine, "cloud-init schema --config-file /root/user-data")
    return "" if code == 0 else said


@pytest.mark.parametrize("cloud", CLOUDS)
def test_cloud_init_finds_nothing_wrong(machine: Container, cloud: str) -> None:
    assert findings(machine, render(CLOUD=cloud, IMAGE=IMAGE)) == ""


def test_cloud_init_would_find_a_misspelt_key(machine: Container) -> None:
    misspelt = render(CLOUD="aws", IMAGE=IMAGE).replace("  - path:", "  - paht:")
    assert "paht" in findings(machine, misspelt)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_it_fits_ec2(cloud: str) -> None:
    longest = {
        "IMAGE": f"123456789012.dkr.ecr.ap-southeast-2.amazonaws.com/{'n' * 80}@{DIGEST}",
        "ARGS": "--budget 300 --sizes 1024 2048 4096 8192 --dtypes float32 bfloat16",
    }
    assert len(render(CLOUD=cloud, **longest).encode()) < EC2_LIMIT_BYTES
