"""compose.yaml: the test image has no compose; `make lint` runs `config` on it."""

from typing import Any

import pytest
import yaml
from support.fakes.host import CHECKOUT

COMPOSE = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
HARDENED = {
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "read_only": True,
    "network_mode": "none",
}


def test_the_project_has_a_name_whatever_the_folder_is_called() -> None:
    assert COMPOSE["name"] == "workload"


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_service_is_hardened(service: dict[str, Any]) -> None:
    assert {name: service[name] for name in HARDENED} == HARDENED
    assert service["cap_add"] == ["DAC_OVERRIDE"]
    assert "privileged" not in service


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_results_alone_is_mounted_with_a_label_for_selinux(service: dict[str, Any]) -> None:
    (volume,) = service["volumes"]
    assert (volume["type"], volume["source"]) == ("bind", "./results")
    assert volume["bind"] == {"selinux": "z", "create_host_path": True}


def test_only_the_gpu_service_reserves_devices() -> None:
    (devices,) = SERVICES["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices["capabilities"] == ["gpu"]
    assert "gpus" not in SERVICES["gpu"]  # some releases ignore it
    assert "deploy" not in SERVICES["cpu"]


def test_the_gpu_service_insists_on_its_device() -> None:
    assert SERVICES["gpu"]["command"] == ["workload", "run", "--device", "cuda"]
