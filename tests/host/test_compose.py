"""compose.yaml, as text: the test image has no compose; `make lint` runs `config` on it."""

import re

import pytest
from support.fakes.host import CHECKOUT

TEXT = (CHECKOUT / "compose.yaml").read_text()


def service(name: str) -> str:
    """The lines of one service."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", TEXT, re.MULTILINE)
    assert found is not None
    return found[1]


def test_both_services_share_the_anchor() -> None:
    assert "<<: *workload" in service("cpu")
    assert "<<: *workload" in service("gpu")


def test_the_project_has_a_name_whatever_the_folder_is_called() -> None:
    assert re.search(r"^name: workload\b", TEXT, re.MULTILINE)


def test_results_is_mounted_with_a_label_for_selinux() -> None:
    assert "type: bind\n      source: ./results\n" in TEXT
    assert "bind: { selinux: z, create_host_path: true }" in TEXT


def test_only_the_gpu_service_reserves_devices() -> None:
    assert "reservations:" in service("gpu")
    assert "capabilities: [gpu]" in service("gpu")
    assert "reservations:" not in service("cpu")


def test_the_gpu_service_insists_on_its_device() -> None:
    assert "command: [workload, run, --device, cuda]" in service("gpu")


def test_gpus_all_which_some_releases_ignore_is_not_used() -> None:
    assert not re.search(r"^\s*gpus:", TEXT, re.MULTILINE)


@pytest.mark.parametrize(
    "line",
    [
        "cap_drop: [ALL]",
        'security_opt: ["no-new-privileges:true"]',
        "read_only: true",
        "network_mode: none",
    ],
)
def test_the_services_are_hardened(line: str) -> None:
    shared, _ = TEXT.split("\nservices:\n")
    assert re.search(rf"^  {re.escape(line)}( #.*)?$", shared, re.MULTILINE)


def test_no_service_takes_a_hardening_back() -> None:
    words = ("cap_add", "cap_drop", "security_opt", "read_only", "privileged", "network_mode")
    assert not [word for word in words if word in service("cpu") + service("gpu")]
