"""What the driver knows of faults is read with the return code of each answer."""

from typing import Any

import pytest
from support.fakes.devices import HEALTHY
from support.fakes.nvml import fake_nvml

from workload.core.models.gpu import Fabric, GpuHealth, NvLinks
from workload.hardware.gpu_health import read_gpu_health
from workload.hardware.gpu_state import Questions


def health(**changes: Any) -> GpuHealth:
    return read_gpu_health(Questions(fake_nvml(changes), "a handle"))


def silent(**changes: Any) -> dict[str, str]:
    ask = Questions(fake_nvml(changes), "a handle")
    read_gpu_health(ask)
    return ask.silent


def test_a_healthy_gpu_reports_everything() -> None:
    assert health() == HEALTHY.health


def test_a_field_with_a_return_code_of_its_own_is_unknown_and_not_none() -> None:
    nvml = fake_nvml()
    nvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION = 9999  # not among the answers
    ask = Questions(nvml, "a handle")
    assert read_gpu_health(ask).recovery_action is None
    assert ask.silent["recovery-action"] == "Not Supported"


def test_a_driver_without_field_values_is_unknown() -> None:
    nvml = fake_nvml()
    del nvml.nvmlDeviceGetFieldValues
    ask = Questions(nvml, "a handle")
    assert read_gpu_health(ask).recovery_action is None
    assert ask.silent["recovery-action"] == "nvidia-ml-py has no nvmlDeviceGetFieldValues"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"state": 0}, None),
        ({"state": 1}, Fabric("not started", None)),
        ({"state": 2}, Fabric("in progress", None)),
        ({"state": 3}, Fabric("completed", None)),
        ({"state": 3, "status": 999}, Fabric("completed", "Not Supported")),
        ({"state": 3, "healthMask": 0x1}, Fabric("completed", None, ("degraded bandwidth",))),
        ({"state": 3, "healthMask": 0x2}, Fabric("completed", None)),
        ({"state": 3, "healthMask": 0x10}, Fabric("completed", None, ("unhealthy route",))),
        (
            {"state": 3, "healthMask": 0x500},
            Fabric("completed", None, ("wrong configuration: too few NVLinks",)),
        ),
        ({"error": "Not Supported"}, None),
    ],
)
def test_the_fabric_is_read_with_its_status_and_health(
    answer: dict[str, Any], expected: Fabric | None
) -> None:
    assert health(fabric=answer).fabric == expected


def test_errors_in_sram_are_those_since_the_last_reset() -> None:
    found = health(sram={"volatileUncParity": 1, "volatileUncSecDed": 2, "aggregateUncParity": 9})
    assert (found.sram_uncorrectable, found.sram_threshold_exceeded) == (3, False)
    assert health(sram={"bThresholdExceeded": 1}).sram_threshold_exceeded is True


def test_a_gpu_without_nvlink_has_no_links() -> None:
    assert health(nvmlDeviceGetNvLinkState={"error": "Not Supported"}).nvlinks is None


def test_an_inactive_link_and_its_errors_are_named() -> None:
    found = health(nvmlDeviceGetNvLinkState=0, fields={52: 7})
    assert found.nvlinks == NvLinks(0, tuple(range(18)), {"replays": 7})


def test_the_reason_of_a_missing_answer_is_kept() -> None:
    changes = {"nvmlDeviceGetPowerManagementLimit": {"error": "Insufficient Permissions"}}
    assert silent(**changes)["power-limit"] == "Insufficient Permissions"
